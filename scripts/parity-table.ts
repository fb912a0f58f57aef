/**
 * Parity with the public documentation as data: each statement of the two behavioural specifications (`statements.json` for the load
 * balancer, `railgun-statements.json` for the link) and each field of the configuration, with the test that proves it. Made from the names and results of a test run, never by hand: a test that proves LB-070
 * has a name that begins with LB-070. How it is run and printed is in `parity.ts`.
 */

/** One test of a run, as vitest tells it. */
export interface TestResult {
  /** Relative to the repository. */
  readonly file: string;
  /** Titles from the outermost `describe` to the test. */
  readonly titles: readonly string[];
  readonly passed: boolean;
}

export interface Statements {
  readonly sections: readonly {
    readonly number: string;
    readonly title: string;
    readonly statements: Readonly<Record<string, string>>;
  }[];
  /** Sections of which every statement must have its proof now. */
  readonly required: readonly string[];
  /** Statements of those that live in a part that is not built yet, and which. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

/** What this program does about a statement or a field. */
export type Standing = 'modelled' | 'stored' | 'refused' | 'ignored' | 'open';

interface Row {
  readonly subject: string;
  readonly text: string;
  readonly standing: Standing;
  readonly proofs: readonly TestResult[];
  /** Why there is no proof. */
  readonly note: string;
}

export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Field {
  readonly object: string;
  readonly name: string;
  readonly standing: Standing;
}

/** `LB-093, LB-098 weights` proves two, and so does `RG-001 RG-002 the first request`. */
function numbersOf(test: TestResult): string[] {
  return test.titles.flatMap((title) => {
    const head = /^(?:LB|RG)-\d{3}(?:(?:, | and | )(?:LB|RG)-\d{3})*/.exec(title)?.[0] ?? '';
    return head.match(/(?:LB|RG)-\d{3}/g) ?? [];
  });
}

/** The statement itself says whether it is about refusing or about keeping something without effect. */
function standingOf(text: string): Standing {
  const then = text.split(' / ').at(-1) ?? '';
  if (/\b(?:400|412|404)\b|\brefused\b/.test(then)) return 'refused';
  if (/\bignored\b/.test(then)) return 'stored';
  return 'modelled';
}

export function statementSections(statements: Statements, tests: readonly TestResult[]): Section[] {
  const proofs = new Map<string, TestResult[]>();
  for (const test of tests) {
    for (const number of numbersOf(test)) proofs.set(number, [...(proofs.get(number) ?? []), test]);
  }
  return statements.sections.map(({ number, title, statements: own }) => ({
    title: `${number} ${title}`,
    rows: Object.entries(own).map(([subject, text]) => {
      const found = proofs.get(subject) ?? [];
      const standing = found.length === 0 ? 'open' : standingOf(text);
      return {
        subject,
        text,
        standing,
        proofs: found,
        note: found.length === 0 ? (statements.elsewhere[subject] ?? '') : '',
      };
    }),
  }));
}

/** Names so common that a test must also name the object. */
const COMMON =
  /^(?:id|name|type|path|method|port|header|headers|content|description|enabled|version|match|default|pools|condition|priority|networks|timeout|retries|interval|weight|address|comment|tags|secure|disabled|location|mode|policy|pool|origin|origins|monitor|rules|ttl|serial|refresh|retry|expire|members)$/;

export function fieldSections(fields: readonly Field[], tests: readonly TestResult[]): Section[] {
  const objects = [...new Set(fields.map((field) => field.object))];
  return objects.map((object) => ({
    title: object.replace('_', ' '),
    rows: fields
      .filter((field) => field.object === object)
      .map(({ name, standing }) => ({
        subject: name,
        text: '',
        standing,
        proofs: testsNaming(object, name, tests),
        note: '',
      })),
  }));
}

/**
 * Tests whose name contains the field's, as a word; those with a statement's number first, then the one that gives nonsense to every field
 * (`pool.minimum_origins: …`, test/config/fields.test.ts).
 */
function testsNaming(object: string, field: string, tests: readonly TestResult[]): TestResult[] {
  const last = field.split('.').at(-1) ?? field;
  const word = new RegExp(`(?<![\\w.-])${last.replaceAll('$', '\\$')}(?![\\w-])`);
  const about = new RegExp(`(?<![\\w-])${object.replace('_', '[ _]')}s?(?![\\w-])`, 'i');
  const exact = `${object}.${field}: `;
  const rank = (test: TestResult): number => {
    const title = test.titles.at(-1) ?? '';
    if (title.startsWith(exact)) return 1;
    return numbersOf(test).length > 0 ? 0 : 2;
  };
  return tests
    .filter((test) => {
      const name = test.titles.join(' ');
      return name.includes(exact) || (word.test(name) && (!COMMON.test(last) || about.test(name)));
    })
    .toSorted((one, other) => rank(one) - rank(other));
}

/** Several specifications as one. */
export function joinStatements(...all: readonly Statements[]): Statements {
  return {
    required: all.flatMap((one) => one.required),
    elsewhere: Object.assign({}, ...all.map((one) => one.elsewhere)) as Readonly<Record<string, string>>,
    sections: all.flatMap((one) => one.sections),
  };
}

/** What is wrong, one sentence each; empty when every required statement is proved by tests that passed. */
export function parityProblems(statements: Statements, sections: readonly Section[]): string[] {
  const problems: string[] = [];
  const known = new Set(sections.flatMap((section) => section.rows.map((row) => row.subject)));
  for (const section of sections) {
    const required = statements.required.includes(section.title.split(' ')[0] ?? '');
    for (const { subject, text, proofs, note } of section.rows) {
      if (proofs.length === 0 && required && note === '') problems.push(`${subject} has no proving test: ${text}`);
      if (proofs.length > 0 && statements.elsewhere[subject] !== undefined) {
        problems.push(`${subject} has a proving test now: take it off "elsewhere" in scripts/statements.json`);
      }
      for (const test of proofs) if (!test.passed) problems.push(`${subject} is not proved: ${nameOf(test)} failed`);
    }
  }
  for (const subject of Object.keys(statements.elsewhere)) {
    if (!known.has(subject)) problems.push(`"elsewhere" names ${subject}, which is no statement`);
  }
  if (known.size === 0) problems.push('no statement was seen');
  return problems;
}

export function nameOf(test: TestResult): string {
  return `${test.file} > ${test.titles.join(' > ')}`;
}
