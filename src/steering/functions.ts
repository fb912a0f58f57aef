/** Functions that rule conditions may call (spec 1.5); `config/expression-words.ts` has the same list with types. */
import type { Getter, Got, Scalar } from './evaluate.ts';
import { compilePattern } from './patterns.ts';

/** Functions of one value work on each of several. A name we do not know has no value. */
export function call(name: string, args: readonly Getter[], perValue: boolean): Getter {
  const first = args[0];
  if (first === undefined) return () => undefined;
  const each = (work: (value: Scalar, rest: readonly Got[]) => Scalar | undefined): Getter => {
    return (request, now) => {
      const got = first(request, now);
      if (got === undefined) return undefined;
      const rest = args.slice(1).map((get) => get(request, now));
      if (typeof got !== 'object') return work(got, rest);
      return got.flatMap((item) => {
        const made = work(item, rest);
        return made === undefined ? [] : [made];
      });
    };
  };
  const onText = (work: (text: string, rest: readonly Got[]) => Scalar | undefined): Getter =>
    each((value, rest) => (typeof value === 'string' ? work(value, rest) : undefined));
  switch (name) {
    case 'lower':
      return onText((text) => text.toLowerCase());
    case 'upper':
      return onText((text) => text.toUpperCase());
    case 'len':
      // Bytes of a text, as the rules language counts; of a list, how many values it has.
      if (perValue) return onText((text) => Buffer.byteLength(text));
      return (request, now) => {
        const got = first(request, now);
        if (typeof got === 'string') return Buffer.byteLength(got);
        return typeof got === 'object' ? got.length : undefined;
      };
    case 'starts_with':
      return onText((text, [part]) => typeof part === 'string' && text.startsWith(part));
    case 'ends_with':
      return onText((text, [part]) => typeof part === 'string' && text.endsWith(part));
    case 'concat':
      return (request, now) => {
        const parts = args.map((get) => get(request, now));
        return parts.some((part) => part === undefined) ? undefined : parts.flat().join('');
      };
    case 'substring':
      return onText((text, [from, to]) =>
        typeof from === 'number' ? text.slice(from, typeof to === 'number' ? to : undefined) : undefined,
      );
    case 'to_string':
      return each((value) => String(value));
    case 'url_decode':
      return onText(urlDecode);
    case 'remove_bytes':
      return onText((text, [bytes]) =>
        typeof bytes === 'string' ? [...text].filter((char) => !bytes.includes(char)).join('') : undefined,
      );
    case 'regex_replace':
      return onText((text, [pattern, replacement]) => {
        if (typeof pattern !== 'string' || typeof replacement !== 'string') return undefined;
        const compiled = compilePattern(pattern, '');
        // The first match, `${1}` for groups.
        return compiled === undefined ? text : text.replace(compiled, replacement.replaceAll(/\$\{(\d+)\}/g, '$$$1'));
      });
    case 'any':
    case 'all':
      return (request, now) => {
        const got = first(request, now);
        if (typeof got !== 'object') return got === true;
        return name === 'any' ? got.includes(true) : got.length > 0 && got.every((item) => item === true);
      };
    default:
      return () => undefined;
  }
}

function urlDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
