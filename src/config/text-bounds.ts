/**
 * A look at a text before a parser sees it: the parser keeps a tree of objects for every character's worth of structure (1 MB of
 * `[` cost 1 GB), so what is surely no file of ours is refused while it is still cheap. Only counts; knows no YAML.
 */

/** More brackets than this left open at once; real files have a dozen, texts with stray brackets a few. */
const MAX_OPEN = 1_000;
/** Commas and line ends. A configuration of 1,000 pools with 20 origins each has about 60,000. */
const MAX_SEPARATORS = 500_000;
/** `- - - -` on one line opens a list each. */
const MANY_DASHES = /^ *(?:[-?] +){100}/m;

/** Why the text is refused and near which character, or `undefined`. */
export function findExcess(
  text: string,
): { readonly at: number; readonly message: string; readonly hint: string } | undefined {
  let open = 0;
  let separators = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x5b: // [
      case 0x7b: // {
        open += 1;
        if (open > MAX_OPEN) return { at, message: `more than ${MAX_OPEN} brackets are open here`, hint: 'close them' };
        break;
      case 0x5d: // ]
      case 0x7d: // }
        open -= 1;
        break;
      case 0x2c: // ,
      case 0x0a:
        separators += 1;
        if (separators > MAX_SEPARATORS) {
          return {
            at,
            message: `more than ${MAX_SEPARATORS} lines and values`,
            hint: 'no configuration is this large',
          };
        }
    }
  }
  const dashes = MANY_DASHES.exec(text);
  return dashes === null ? undefined : { at: dashes.index, message: 'more than 100 lists open on this line', hint: '' };
}
