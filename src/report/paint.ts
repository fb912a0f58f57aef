/**
 * Text on a terminal: colours when asked for, widths in columns (not characters), wrapping. Two kinds of paper: `rich` has bars,
 * rules and signs; `plain` is ASCII and good for logs. Decides nothing about content.
 */
import { styleText } from 'node:util';
import stringWidth from 'string-width';

export interface Paper {
  /** Columns; below `MIN_WIDTH` it is taken as that. */
  readonly width: number;
  readonly colour: boolean;
  readonly plain: boolean;
}

/** Narrower than this no table reads well; the terminal may wrap by itself. */
export const MIN_WIDTH = 48;
/** Longer lines than this are hard to follow. */
export const MAX_WIDTH = 132;

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'underline';

export class Paint {
  readonly width: number;
  readonly plain: boolean;
  readonly #colour: boolean;

  constructor(paper: Paper) {
    this.width = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, Math.floor(paper.width) || MIN_WIDTH));
    this.plain = paper.plain;
    this.#colour = paper.colour;
  }

  style(style: Style | readonly Style[], text: string): string {
    if (!this.#colour || text === '') return text;
    return styleText([...(typeof style === 'string' ? [style] : style)], text, { validateStream: false });
  }

  heading(title: string, aside = ''): string {
    const note = aside === '' ? '' : this.style('dim', `  ${aside}`);
    return this.plain ? `${title.toUpperCase()}${note}` : `${this.style(['bold', 'underline'], title)}${note}`;
  }

  /** A sign and its colour; never the colour alone. */
  mark(tone: 'good' | 'bad' | 'neutral'): string {
    if (tone === 'good') return this.style('green', this.plain ? '+' : '✓');
    if (tone === 'bad') return this.style('red', this.plain ? '!' : '✗');
    return this.style('dim', this.plain ? '.' : '·');
  }

  /** `████▌   `: a share 0..100 in `columns` columns; empty on plain paper. */
  bar(percent: number, columns: number): string {
    if (this.plain) return '';
    const eighths = Math.round((Math.min(100, Math.max(0, percent)) / 100) * columns * 8);
    const full = Math.floor(eighths / 8);
    const rest = ' ▏▎▍▌▋▊▉'.charAt(eighths % 8).trim();
    return (('█'.repeat(full) + rest) as string).padEnd(columns);
  }

  /** Breaks at blanks so that no line is wider than `width - indent`; later lines are indented. */
  wrap(text: string, indent: number, width = this.width): string {
    const room = Math.max(16, width - indent);
    const lines: string[] = [];
    let line = '';
    for (const word of text.split(' ')) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (line !== '' && stringWidth(longer) > room) {
        lines.push(line);
        line = word;
      } else {
        line = longer;
      }
    }
    lines.push(line);
    return lines.join(`\n${' '.repeat(indent)}`);
  }
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - stringWidth(text)));
}

export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - stringWidth(text))) + text;
}

/** Text of a report is data from files: control characters (escape sequences, line feeds) are shown, not obeyed. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
