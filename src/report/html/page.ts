import { html, trusted, type Markup } from './markup.ts';
import { styles } from './styles.ts';

/** A page that needs nothing else, and may fetch nothing: no scripts, no requests. */
export function page(title: string, body: Markup): string {
  const whole = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${title}</title>
        <style>
          ${trusted(styles)}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html> `;
  return whole.text;
}
