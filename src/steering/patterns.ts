/**
 * Patterns of conditions: `matches` as `config/pattern.ts` let it through, and the two wildcards. JavaScript's engine may take
 * exponential time where the product's cannot: patterns are the operator's own, and their length is bounded by `config`.
 */

/** A pattern that this engine cannot read matches nothing: `config` reports it to the person who wrote it. */
export function compilePattern(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(source, `${flags}u`);
  } catch {
    return undefined;
  }
}

/** `*` stands for any text, `\*` and `\\` for themselves; the whole value must match. */
export function wildcardPattern(text: string): string {
  let pattern = '^';
  for (let i = 0; i < text.length; i += 1) {
    const next = text[i + 1];
    if (text[i] === '\\' && (next === '*' || next === '\\')) {
      pattern += `\\${next}`;
      i += 1;
    } else if (text[i] === '*') {
      pattern += '.*?';
    } else {
      pattern += text[i]!.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
    }
  }
  return `${pattern}$`;
}
