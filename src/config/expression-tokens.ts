/**
 * Cuts the text of a condition into tokens, each with its place. Knows how strings, numbers and addresses are written, and
 * nothing of grammar.
 */

export type Token =
  | { readonly kind: 'text'; readonly at: number; readonly end: number; readonly raw: boolean; readonly text: string }
  | { readonly kind: 'number'; readonly at: number; readonly end: number; readonly number: number }
  | { readonly kind: 'address'; readonly at: number; readonly end: number; readonly text: string }
  /** Names of fields, functions and word operators. */
  | { readonly kind: 'word'; readonly at: number; readonly end: number; readonly word: string }
  /** Brackets, commas, sign operators. */
  | { readonly kind: 'sign'; readonly at: number; readonly end: number; readonly sign: string }
  | { readonly kind: 'end'; readonly at: number; readonly end: number };

export interface Fault {
  /** From 1, in characters of the condition. */
  readonly column: number;
  readonly message: string;
  readonly hint: string;
}

const SPACE = /\s+/y;
const IPV6 = /(?=[0-9a-fA-F:]*:)[0-9a-fA-F:]+(\.\d+\.\d+\.\d+)?(\/\d+)?/y;
const IPV4 = /\d+\.\d+\.\d+\.\d+(\/\d+)?/y;
const NUMBER = /-?(0x[0-9a-fA-F]+|\d+)/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*/y;
const SIGN = /\.\.|==|!=|<=|>=|&&|\|\||\^\^|[<>~!(){}[\],*$=&|^]/y;
const RAW = /r(#{0,255})"/y;

/** Tokens up to the end, the last one of kind `end`; or the first character that is none. */
export function tokenize(text: string): { readonly tokens: readonly Token[] } | { readonly fault: Fault } {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const space = match(SPACE);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    const raw = match(RAW);
    if (raw !== null) {
      const closing = `"${raw[1] ?? ''}`;
      const from = at + raw[0].length;
      const close = text.indexOf(closing, from);
      if (close < 0)
        return { fault: { column: at + 1, message: 'this raw string does not end', hint: `close it with ${closing}` } };
      tokens.push({ kind: 'text', at, end: close + closing.length, raw: true, text: text.slice(from, close) });
      at = close + closing.length;
      continue;
    }
    if (text[at] === '"') {
      const close = closingQuote(text, at);
      if (close === undefined)
        return { fault: { column: at + 1, message: 'this string does not end', hint: 'close it with "' } };
      tokens.push({ kind: 'text', at, end: close + 1, raw: false, text: text.slice(at + 1, close) });
      at = close + 1;
      continue;
    }
    const address = match(IPV6) ?? match(IPV4);
    const number = address === null ? match(NUMBER) : null;
    const word = address === null && number === null ? match(WORD) : null;
    const sign = address === null && number === null && word === null ? match(SIGN) : null;
    const found = address ?? number ?? word ?? sign;
    if (found === null) {
      const hint = text[at] === "'" || text[at] === '`' ? 'strings stand in double quotes' : '';
      return { fault: { column: at + 1, message: `unexpected character ${JSON.stringify(text[at])}`, hint } };
    }
    const end = at + found[0].length;
    if (address !== null) tokens.push({ kind: 'address', at, end, text: found[0] });
    else if (number !== null) {
      if (/[A-Za-z_]/.test(text[end] ?? '') || (text[end] === '.' && text[end + 1] !== '.')) {
        return {
          fault: {
            column: at + 1,
            message: 'this is neither a whole number nor an address',
            hint: 'an IPv4 address has four parts',
          },
        };
      }
      tokens.push({ kind: 'number', at, end, number: toNumber(found[0]) });
    } else if (word !== null) tokens.push({ kind: 'word', at, end, word: found[0] });
    else tokens.push({ kind: 'sign', at, end, sign: found[0] });
    at = end;
  }
  tokens.push({ kind: 'end', at: text.length, end: text.length });
  return { tokens };
}

function closingQuote(text: string, open: number): number | undefined {
  for (let at = open + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return undefined;
}

function toNumber(text: string): number {
  return text.startsWith('-') ? -Number(text.slice(1)) : Number(text);
}

/** What a quoted string stands for: `\"`, `\\`, and bytes as `\x41` or `\101`. In a pattern only the quote is unescaped. */
export function unescape(
  token: Token & { kind: 'text' },
  isPattern: boolean,
): { readonly text: string } | { readonly fault: Fault } {
  if (token.raw) return { text: token.text };
  let text = '';
  for (let at = 0; at < token.text.length; at += 1) {
    const char = token.text[at] as string;
    if (char !== '\\') {
      text += char;
      continue;
    }
    const next = token.text[at + 1] ?? '';
    const hex = /^x([0-9a-fA-F]{2})/.exec(token.text.slice(at + 1, at + 4));
    const octal = /^[0-3][0-7]{2}/.exec(token.text.slice(at + 1, at + 4));
    if (isPattern && next !== '"') {
      text += char + next;
      at += 1;
    } else if (next === '"' || next === '\\') {
      text += next;
      at += 1;
    } else if (hex?.[1] !== undefined) {
      text += String.fromCharCode(Number.parseInt(hex[1], 16));
      at += 3;
    } else if (octal !== null) {
      text += String.fromCharCode(Number.parseInt(octal[0], 8));
      at += 3;
    } else {
      const hint = 'write \\\\ for a backslash, or a raw string r"…"';
      return { fault: { column: token.at + at + 2, message: `unknown escape \\${next}`, hint } };
    }
  }
  return { text };
}
