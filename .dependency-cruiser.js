/** Import rules of docs/architecture.md. Type-only and dynamic imports count like all others (tsPreCompilationDeps). */

/** What each folder of src/ may import from other folders of src/; `lab` alone means the port and its labels, not an adapter. */
const allowed = {
  core: [],
  spec: ['core'],
  topology: ['core', 'spec'],
  // Types of verdicts stand in journal records.
  journal: ['core', 'gates/verdict'],
  'lab/port': ['core', 'topology'],
  'lab/process': ['core', 'topology', 'lab/port'],
  'lab/docker': ['core', 'topology', 'lab/port'],
  'lab/attached': ['core', 'topology', 'lab/port'],
  'lab/fake': ['core', 'topology', 'lab/port'],
  gates: ['core', 'spec', 'topology', 'lab/port'],
  safety: ['core', 'spec', 'topology', 'lab/port'],
  load: ['core', 'spec', 'topology', 'lab/port', 'safety'],
  // How much voting power a system needs is asked in one place.
  faults: ['core', 'spec', 'topology', 'lab/port', 'gates/quorum-budget'],
  backup: ['core', 'spec', 'topology', 'lab/port'],
  engine: ['core', 'spec', 'topology', 'lab/port', 'gates', 'load', 'safety', 'faults', 'backup', 'journal'],
  deploy: ['core', 'topology', 'lab/port', 'engine', 'components', 'gates'],
  report: ['core', 'journal', 'gates'],
  verify: ['core', 'journal', 'gates'],
  schedule: ['core', 'journal'],
  components: ['core', 'spec', 'topology'],
};

const place = {
  'lab/port': String.raw`^src/lab/[^/]+\.ts$`,
  'gates/verdict': String.raw`^src/gates/verdict\.ts$`,
  'gates/quorum-budget': String.raw`^src/gates/quorum-budget\.ts$`,
};
const pathOf = (folder) => place[folder] ?? `^src/${folder}/`;

const layers = Object.entries(allowed).map(([folder, others]) => ({
  name: `layer-${folder.replace('/', '-')}`,
  severity: 'error',
  from: { path: pathOf(folder) },
  to: { path: '^(src|runbooks|systems|stacks|node|toolchain|test)/', pathNot: [folder, ...others].map(pathOf) },
}));

/** A package that only these places may use. */
const confined = (name, packages, places) => ({
  name: `only-${name}`,
  severity: 'error',
  from: { pathNot: [...places, '^test/', '^bench/'] },
  to: { path: packages.map((one) => `(^|/)node_modules/${one}(/|$)`) },
});

export default {
  forbidden: [
    ...layers,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'listed-folders',
      comment: 'a new folder of src/ needs its own rule',
      severity: 'error',
      from: { path: '^src/', pathNot: [...Object.keys(allowed).map(pathOf), '^src/cli/', String.raw`^src/index\.ts$`] },
      to: {},
    },
    {
      name: 'public-api-only',
      comment: 'runbooks and systems are written against src/index.ts',
      severity: 'error',
      from: { path: '^(runbooks|systems)/' },
      to: { path: '^(src|stacks|node|toolchain|test)/', pathNot: String.raw`^src/index\.ts$` },
    },
    {
      name: 'node-stands-alone',
      severity: 'error',
      from: { path: '^node/' },
      to: { path: '^(src|runbooks|systems|stacks|toolchain|test)/' },
    },
    {
      name: 'toolchain-uses-core',
      severity: 'error',
      from: { path: '^toolchain/' },
      to: { path: '^(src|runbooks|systems|stacks|node|test)/', pathNot: '^src/core/' },
    },
    { name: 'no-tests-in-product', severity: 'error', from: { pathNot: '^(test|bench)/' }, to: { path: '^test/' } },
    confined('docker-adapter', ['dockerode'], ['^src/lab/docker/', '^toolchain/', '^src/cli/pulumi-access']),
    confined('pulumi-adapter', ['@pulumi/'], ['^src/components/', '^src/deploy/pulumi/', '^stacks/', '^toolchain/']),
    confined('backup-packages', ['age-encryption', 's3mini'], ['^src/backup/']),
    confined('zod-in-spec', ['zod'], ['^src/spec/', '^src/journal/']),
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
