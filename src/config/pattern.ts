/**
 * Patterns of `matches`. The product runs Rust's `regex`; we run JavaScript's. What both read alike is taken, a leading `(?i)`
 * is rewritten, and what only JavaScript has (look-around, back references) is refused, as the product refuses it.
 */

/** Rust bounds the compiled size; we bound the text. */
const MAX_PATTERN = 1_024;

export function readPattern(
  text: string,
): { readonly source: string } | { readonly message: string; readonly hint: string } {
  if (text.length > MAX_PATTERN)
    return { message: `this pattern is longer than ${MAX_PATTERN} characters`, hint: 'use several rules' };
  if (/(?<!\\)(\\\\)*\(\?(=|!|<=|<!)/.test(text))
    return { message: 'look-around is not part of these patterns', hint: 'use and, not' };
  if (/(?<!\\)(\\\\)*\\[1-9]/.test(text))
    return { message: 'back references are not part of these patterns', hint: '' };
  const flags = /^\(\?([ims]+)\)/.exec(text);
  const source = flags === null ? text : `(?${flags[1]}:${text.slice(flags[0].length)})`;
  try {
    RegExp(source, 'u');
  } catch (error) {
    const why = error instanceof Error ? (error.message.split(': ').at(-1) ?? '') : '';
    return { message: `this is not a pattern: ${why.toLowerCase()}`, hint: 'escape with \\' };
  }
  return { source };
}
