import { exitCode } from '../../core/exit-code.ts';
import { connectDocker } from '../../lab/docker/connection.ts';
import { buildLocalImages } from '../../lab/docker/images/local-images.ts';
import { interruptSignal } from '../interrupt.ts';
import { print, printJson, table } from '../output.ts';

/** `seatrial images`: the images that a testnet needs, made on this machine from Debian packages. */
export async function images(options: { json?: boolean; rebuild?: boolean; install?: boolean }): Promise<number> {
  const interrupt = interruptSignal();
  try {
    const { docker } = await connectDocker();
    const built = await buildLocalImages(docker, {
      signal: interrupt.signal,
      onProgress: (line) => void process.stderr.write(`${line}\n`),
      allowInstall: options.install ?? process.env.CI === 'true',
      rebuild: options.rebuild ?? false,
    });
    if (options.json) printJson({ images: built });
    else
      print(
        table(
          built.map((image) => [
            image.name,
            image.state,
            image.reference ?? '-',
            image.reason ?? image.id?.slice(7, 19) ?? '',
          ]),
        ),
      );
    return exitCode.pass;
  } finally {
    interrupt.dispose();
  }
}
