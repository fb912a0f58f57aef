/**
 * Walks over the text of a check and remembers where each piece began. Knows characters, not metrics.
 */

export interface Piece {
  readonly text: string;
  /** From 1. */
  readonly column: number;
}

export class Scanner {
  readonly text: string;
  #at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Where the next piece begins, from 1. */
  get column(): number {
    this.#skipBlanks();
    return this.#at + 1;
  }

  get done(): boolean {
    this.#skipBlanks();
    return this.#at >= this.text.length;
  }

  /** A name: letters, digits, `_`, `.`, from a letter on; empty text when there is none. */
  name(): Piece {
    return this.#take(/[A-Za-z][A-Za-z0-9_.]*/y);
  }

  /** One or two of the signs that compare. */
  sign(): Piece {
    return this.#take(/[<>=!~]{1,3}/y);
  }

  /** Everything up to the next blank. */
  chunk(): Piece {
    return this.#take(/\S+/y);
  }

  /** An amount with its unit, which may stand apart: `0.5%`, `0.5 %`, `10 MB`. Ends before a word such as `from`. */
  amount(): Piece {
    return this.#take(
      /[-+]?\d[\d.,_]*(?:\s*(?:%|\/\s*(?:s|min|m|h)\b|×|[KkMG]?i?[Bb]\b|us\b|µs|ms\b|min\b|[smhdx]\b))?\S*/y,
    );
  }

  /** One argument: up to a blank, a comma or a bracket; between quotes it may hold all of them: `origin/eu/"my origin"`. */
  argument(): Piece {
    const { text, column } = this.#take(/[^",()\s]*"[^"]*"|[^,()\s]+/y);
    return { text: text.replaceAll('"', ''), column };
  }

  /** Whether the next character is this one; if so it is taken. */
  accept(character: string): boolean {
    this.#skipBlanks();
    if (this.text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #take(pattern: RegExp): Piece {
    this.#skipBlanks();
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.text)?.[0] ?? '';
    const column = this.#at + 1;
    this.#at += text.length;
    return { text, column };
  }

  #skipBlanks(): void {
    while (this.#at < this.text.length && /\s/.test(this.text[this.#at]!)) this.#at += 1;
  }
}
