/**
 * The one small language of replay, sweep and drill. Reads left to right; the first thing that is wrong is the answer, with
 * its column and what would be right.
 *
 *     failed_requests ( region/WEU )   <   0.5 %   from 12:04:30 to 12:15   for 30s
 *     metric          [ object ]      sign limit   [ window ]               [ stretch ]
 *
 *     recovered       within 90s of 12:03
 *     healthy         ( pool/eu )      at 12:02
 *
 * A word that is not in `metrics.ts` is a mistake, never a check that passes. With a vocabulary, so is a name that the
 * configuration does not have, and a time outside the run.
 */
import { parseDuration, parseMoment, parseSize } from '../core/quantities.ts';
import { didYouMean } from '../core/suggest.ts';
import { micros, toClock } from '../core/time.ts';
import type {
  Check,
  CheckProblem,
  Comparison,
  Limit,
  Moment,
  NumberCheck,
  ParsedCheck,
  Scope,
  WindowSpec,
} from './check.ts';
import { METRICS, type Metric, type ScopeKind, type Unit, metricNamed, signatureOf } from './metrics.ts';
import { type Piece, Scanner } from './scanner.ts';
import { type Vocabulary, unknownObject } from './vocabulary.ts';

/** The longest sensible check is a fifth of this; more is a file in the wrong place. */
const MAX_CHECK_LENGTH = 500;

const COMPARISONS: readonly string[] = ['<', '<=', '>', '>=', '==', '!='];
const WINDOW_WORDS = ['from', 'before', 'after', 'at', 'within', 'for'];
const OBJECT_KINDS: readonly ScopeKind[] = ['pool', 'origin', 'region', 'pop'];

export function parseCheck(text: string, known?: Vocabulary): ParsedCheck {
  try {
    return { ok: true, check: new Reader(text, known).check() };
  } catch (error) {
    if (error instanceof Complaint) return { ok: false, problem: error.problem };
    throw error;
  }
}

/** Carries a problem out of the reader; never leaves this file. */
class Complaint extends Error {
  readonly problem: CheckProblem;

  constructor(problem: CheckProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

function complain(at: { readonly column: number; readonly text?: string }, message: string, hint = ''): never {
  throw new Complaint({ column: at.column, length: Math.max(1, at.text?.length ?? 1), message, hint });
}

class Reader {
  readonly #scanner: Scanner;
  readonly #known: Vocabulary | undefined;

  constructor(text: string, known: Vocabulary | undefined) {
    this.#scanner = new Scanner(text);
    this.#known = known;
  }

  check(): Check {
    const { text } = this.#scanner;
    if (text.trim() === '') complain({ column: 1 }, 'the check is empty', 'for example "failed_requests < 0.5%"');
    if (text.length > MAX_CHECK_LENGTH) complain({ column: 1 }, `a check has at most ${MAX_CHECK_LENGTH} characters`);
    const metric = this.#metric();
    const asked = { text: text.trim(), metric, scopes: this.#scopes(metric) };
    switch (metric.form) {
      case 'span':
        return { kind: 'span', ...asked, ...this.#span(metric) };
      case 'state': {
        const window = this.#windowOf(asked);
        this.#end();
        return { kind: 'state', ...asked, window };
      }
      case 'number':
        return this.#number(asked);
      default:
        return metric.form satisfies never;
    }
  }

  #metric(): Metric {
    const name = this.#scanner.name();
    if (name.text === '') {
      complain(name, 'a check begins with the name of a metric', 'for example "failed_requests < 0.5%"');
    }
    const metric = metricNamed(name.text);
    if (metric !== undefined) return metric;
    const names = METRICS.map((each) => each.name);
    return complain(name, `unknown metric "${name.text}"`, didYouMean(name.text, names) || metricsLike(name.text));
  }

  #scopes(metric: Metric): readonly Scope[] {
    const open = this.#scanner.column;
    if (!this.#scanner.accept('(')) {
      if (metric.scope !== 'required') return [];
      return complain({ column: open }, `${metric.name} needs an object in brackets`, `write ${signatureOf(metric)}`);
    }
    if (metric.scope === 'none') {
      complain({ column: open }, `${metric.name} takes nothing in brackets`, `for example "${metric.example}"`);
    }
    const scopes = [this.#scope(metric, metric.scopes)];
    if (this.#scanner.accept(',')) {
      const second = this.#scanner.column;
      if (metric.within.length === 0) complain({ column: second }, `${metric.name} takes one object only`);
      const first = scopes[0]!;
      const fits = first.kind === 'pool' ? 'region' : first.kind === 'origin' ? 'pool' : undefined;
      if (fits === undefined) complain({ column: second }, `${metric.name} of a ${first.kind} takes no second object`);
      scopes.push(this.#scope(metric, [fits]));
      if (fits === 'pool' && scopes[1]!.name !== first.name) {
        complain({ column: second }, `origin "${first.origin}" is not in pool "${scopes[1]!.name}"`);
      }
    }
    const close = this.#scanner.column;
    if (!this.#scanner.accept(')')) complain({ column: close }, 'the bracket is not closed', 'add ")"');
    return scopes;
  }

  #scope(metric: Metric, kinds: readonly ScopeKind[]): Scope {
    const piece = this.#scanner.argument();
    const wanted = `write ${signatureOf(metric)}`;
    if (piece.text === '') complain(piece, 'the brackets are empty', wanted);
    const [kind, ...rest] = piece.text.split('/') as [string, ...string[]];
    const name = rest[0] ?? '';
    if (kinds.includes('status')) {
      if (/^[45]\d\d$/.test(piece.text) || piece.text === '0')
        return { kind: 'status', name: piece.text, origin: '', column: piece.column };
      return complain(
        piece,
        `"${piece.text}" is not a status that a failed request can have`,
        'statuses of failures are 400 to 599, or 0 for no answer',
      );
    }
    if (rest.length === 0) return this.#word(metric, kinds, piece, wanted);
    const found = OBJECT_KINDS.find((each) => each === kind);
    if (found === undefined) {
      return complain(piece, `unknown kind of object "${kind}"`, didYouMean(kind, kinds) || wanted);
    }
    if (!kinds.includes(found)) complain(piece, `${metric.name} is not measured for a ${found} here`, wanted);
    const origin = found === 'origin' ? rest.slice(1).join('/') : '';
    if (name === '' || (found !== 'origin' && rest.length > 1))
      complain(piece, `"${piece.text}" does not name a ${found}`, `write ${found}/NAME`);
    if (found === 'origin' && origin === '')
      complain(piece, `"${piece.text}" does not name an origin`, 'write origin/POOL/ORIGIN');
    const scope: Scope = { kind: found, name, origin, column: piece.column };
    const unknown = this.#known === undefined ? undefined : unknownObject(scope, this.#known);
    if (unknown !== undefined) throw new Complaint({ ...unknown, length: piece.text.length });
    return scope;
  }

  #word(metric: Metric, kinds: readonly ScopeKind[], piece: Piece, wanted: string): Scope {
    const word: Scope = { kind: 'word', name: piece.text, origin: '', column: piece.column };
    if (kinds.includes('word')) {
      if (metric.words.length === 0 || metric.words.includes(piece.text)) return word;
      if (metric.scopes.length === 1) {
        return complain(
          piece,
          `unknown word "${piece.text}"`,
          didYouMean(piece.text, metric.words) || `one of ${metric.words.join(', ')}`,
        );
      }
    }
    const isPool = this.#known?.pools.some((pool) => pool.name === piece.text || pool.id === piece.text) ?? false;
    return complain(
      piece,
      `"${piece.text}" does not say what it is`,
      isPool && kinds.includes('pool') ? `did you mean "pool/${piece.text}"?` : wanted,
    );
  }

  /** `within D of T`, and nothing after it. */
  #span(metric: Metric): { limitUs: number; of: Moment } {
    const within = this.#scanner.chunk();
    if (within.text !== 'within') {
      complain(within, `${metric.name} is followed by "within"`, `for example "${metric.example}"`);
    }
    const limitUs = this.#duration('within');
    const of = this.#momentAfter('of');
    this.#end();
    return { limitUs, of };
  }

  #number(asked: { text: string; metric: Metric; scopes: readonly Scope[] }): NumberCheck {
    const comparison = this.#comparison(asked.metric);
    const limit = this.#limit(asked.metric);
    let window: WindowSpec = { kind: 'whole' };
    let forUs = 0;
    if (!this.#scanner.done && !this.#atFor()) window = this.#windowOf(asked);
    if (this.#atFor()) {
      const word = this.#scanner.chunk();
      this.#mayBeWindowed(asked, word);
      forUs = this.#duration('for');
      if (forUs === 0) complain(word, 'a stretch is longer than nothing', 'for example "for 30s"');
    }
    this.#end();
    return { kind: 'number', ...asked, comparison, limit, window, forUs };
  }

  #atFor(): boolean {
    return /^for\b/.test(this.#scanner.text.slice(this.#scanner.column - 1));
  }

  #comparison(metric: Metric): Comparison {
    const sign = this.#scanner.sign();
    const found = COMPARISONS.find((each) => each === sign.text);
    if (found !== undefined) return found as Comparison;
    if (sign.text !== '') {
      const meant = sign.text === '=' ? '==' : sign.text === '=<' ? '<=' : sign.text === '=>' ? '>=' : undefined;
      complain(
        sign,
        `"${sign.text}" does not compare`,
        meant === undefined ? 'one of < <= > >= == !=' : `did you mean "${meant}"?`,
      );
    }
    return complain(
      { column: this.#scanner.column },
      `${metric.name} is compared with a limit`,
      `for example "${metric.example}"`,
    );
  }

  #limit(metric: Metric): Limit {
    const piece = this.#scanner.amount();
    if (piece.text === '') {
      complain({ column: this.#scanner.column }, 'here stands the limit, a number', `for example "${metric.example}"`);
    }
    const compact = piece.text.replace(/\s+/g, '').replace('×', 'x');
    const read = readLimit(compact, metric.units);
    if (read !== undefined) return { ...read, text: piece.text };
    const units = metric.units.map((unit) => UNIT_WORDS[unit]).join(' or ');
    if (/[,_]/.test(compact))
      complain(piece, `"${piece.text}" is not a number`, 'digits stand without separators: 1000');
    if (compact.startsWith('-')) complain(piece, 'nothing that is measured is below zero', `write ${units}`);
    return complain(piece, `${metric.name} is not measured in "${piece.text}"`, `write ${units}`);
  }

  #windowOf(asked: { metric: Metric; scopes: readonly Scope[] }): WindowSpec {
    if (this.#scanner.done) return { kind: 'whole' };
    const word = this.#scanner.chunk();
    if (!WINDOW_WORDS.includes(word.text)) {
      const hint =
        didYouMean(word.text, WINDOW_WORDS) || 'windows are: from A to B, before A, after A, at A, within D of A';
      complain(word, `"${word.text}" is not expected here`, hint);
    }
    this.#mayBeWindowed(asked, word);
    switch (word.text) {
      case 'before':
        return { kind: 'before', to: this.#moment('before') };
      case 'after':
        return { kind: 'after', from: this.#moment('after') };
      case 'at':
        return { kind: 'at', at: this.#moment('at') };
      case 'within': {
        const spanUs = this.#duration('within');
        return { kind: 'within', spanUs, of: this.#momentAfter('of') };
      }
      case 'from': {
        const from = this.#moment('from');
        const to = this.#momentAfter('to');
        const [begin, end] = [this.#resolve(from), this.#resolve(to)];
        if (begin >= end) complain(to, `"${to.text}" is not after "${from.text}"`, 'write the earlier time first');
        return { kind: 'from', from, to };
      }
      default:
        return complain(
          word,
          'a stretch cannot be asked of this',
          'windows are: from A to B, before A, after A, at A, within D of A',
        );
    }
  }

  #mayBeWindowed({ metric, scopes }: { metric: Metric; scopes: readonly Scope[] }, word: Piece): void {
    const scope = scopes[0]?.kind ?? 'all';
    if (scope !== 'status' && metric.windows.includes(scope)) return;
    const what =
      scope === 'all' || scope === 'word' || scope === 'status' ? metric.name : `${metric.name} of a ${scope}`;
    complain(word, `${what} is known for the whole run only`, 'leave the time out');
  }

  #duration(word: string): number {
    const piece = this.#scanner.chunk();
    const span = parseDuration(piece.text);
    if (span !== undefined) return span;
    return complain(
      piece,
      piece.text === '' ? `after "${word}" comes a duration` : `"${piece.text}" is not a duration`,
      'for example 90s, 5m, 1m30s',
    );
  }

  #momentAfter(word: string): Moment {
    const piece = this.#scanner.chunk();
    if (piece.text === word) return this.#moment(word);
    return complain(
      piece,
      `here stands "${word}"`,
      piece.text === '' ? `add "${word}" and a time` : didYouMean(piece.text, [word]),
    );
  }

  #moment(word: string): Moment {
    const { text, column } = this.#scanner.chunk();
    if (text === '') complain({ column }, `after "${word}" comes a time`, 'for example 12:03, 12:03:30, +3m');
    const moment = { text, column };
    const at = this.#resolve(moment);
    if (Number.isNaN(at))
      complain(moment, `"${text}" is not a time`, 'for example 12:03, 12:03:30, +3m, 2026-03-01T12:03:00Z');
    const { startUs, endUs } = this.#known ?? {};
    if (startUs !== undefined && at < startUs) {
      complain(moment, `${text} is before the run begins (${toClock(micros(startUs))})`);
    }
    if (endUs !== undefined && at > endUs) {
      complain(moment, `${text} is after the run ends (${toClock(micros(endUs))})`);
    }
    return moment;
  }

  /** Without a known start, only good for telling whether it is a time, and the order of two times. */
  #resolve(moment: Moment): number {
    return parseMoment(moment.text, micros(this.#known?.startUs ?? 0)) ?? Number.NaN;
  }

  #end(): void {
    if (this.#scanner.done) return;
    const rest = this.#scanner.chunk();
    complain(
      rest,
      `"${rest.text}" is not expected here`,
      didYouMean(rest.text, WINDOW_WORDS) || 'one condition a check',
    );
  }
}

const UNIT_WORDS: Readonly<Record<Unit, string>> = {
  count: 'a whole number (10)',
  percent: 'a percentage (0.5%)',
  times: 'a multiple (1.5x)',
  time: 'a time (250ms, 90s)',
  bytes: 'bytes (10MB)',
  rate: 'a rate (400/s)',
};

function readLimit(text: string, units: readonly Unit[]): { value: number; unit: Unit } | undefined {
  for (const unit of units) {
    const value = AMOUNTS[unit](text);
    if (value !== undefined) return { value, unit };
  }
  return undefined;
}

const AMOUNTS: Readonly<Record<Unit, (text: string) => number | undefined>> = {
  count: (text) => number(/^(\d+)$/.exec(text)),
  percent: (text) => number(/^(\d+(?:\.\d+)?)%$/.exec(text)),
  times: (text) => number(/^(\d+(?:\.\d+)?)x$/.exec(text)),
  rate: (text) => number(/^(\d+(?:\.\d+)?)\/s$/.exec(text)),
  time: (text) => (text === '0' ? 0 : parseDuration(text)),
  bytes: (text) => (/b$/i.test(text) || text === '0' ? parseSize(text) : undefined),
};

function number(match: RegExpExecArray | null): number | undefined {
  if (match === null) return undefined;
  const value = Number(match[1]);
  return Number.isSafeInteger(Math.floor(value)) ? value : undefined;
}

/** Metrics that share a piece with what was written: `failed` finds `failed_requests`. */
function metricsLike(written: string): string {
  const parts = written
    .toLowerCase()
    .split(/[._]/)
    .filter((part) => part.length > 2);
  const near = METRICS.filter(({ name }) => parts.some((part) => name.includes(part))).map(({ name }) => name);
  return near.length === 0 ? 'the list is in docs/checks.md' : `known: ${near.slice(0, 6).join(', ')}`;
}
