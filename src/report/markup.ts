/**
 * Text to HTML and back out of harm's way. `html` is a tagged template that escapes everything put into it, except what another
 * `html` made and what `trusted` vouches for. Names in a report come from files that strangers may have written.
 */

export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type Part = string | number | Markup | readonly Part[] | undefined | false;

export function html(pieces: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(pieces.reduce((text, piece, i) => text + piece + (i < parts.length ? render(parts[i]) : ''), ''));
}

/** For text that this program made: SVG of a chart, the style sheet, the script. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

/** Markup for `condition`, nothing otherwise. */
export function when(condition: boolean, markup: () => Markup): Markup {
  return condition ? markup() : EMPTY;
}

/** JSON that may stand in a script element: `<` cannot end it, whatever a name holds. */
export function inlineJson(value: unknown): Markup {
  return new Markup(
    JSON.stringify(value)
      .replace(/</g, '\\u003c')
      .replace(/\u2028/g, '\\u2028')
      .replace(/\u2029/g, '\\u2029'),
  );
}

const EMPTY = new Markup('');

function render(part: Part): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(render).join('');
  return escapeText(bound(String(part)));
}

/** A number and its unit stay on one line. */
function bound(text: string): string {
  return text.replace(/(\d) (?=(?:%|µs|ms|s|min|h|d|B|kB|MB|GB|TB)(?!\w))/g, '$1\u00a0');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (found) => ENTITIES[found] ?? found);
}
