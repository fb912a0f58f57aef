/** The parity table on small runs of tests that are made up. The real one is the last step of `npm test`. */
import { describe, expect, it } from 'vitest';
import {
  type Statements,
  type TestResult,
  fieldSections,
  joinStatements,
  parityProblems,
  statementSections,
} from '../../scripts/parity-table.ts';

const STATEMENTS: Statements = {
  required: ['9.1'],
  elsewhere: { 'LB-003': 'belongs to the live edge' },
  sections: [
    {
      number: '9.1',
      title: 'First',
      statements: {
        'LB-001': 'no name / POST / 400',
        'LB-002': 'two pools / request / the first',
        'LB-003': 'a port / connect / it is used',
      },
    },
    { number: '9.2', title: 'Later', statements: { 'LB-004': 'a / b / c is ignored' } },
  ],
};

function test(title: string, passed = true): TestResult {
  return { file: 'test/config/a.test.ts', titles: ['a pool', title], passed };
}

function problems(...tests: TestResult[]): string[] {
  return parityProblems(STATEMENTS, statementSections(STATEMENTS, tests));
}

describe('statements and their proofs', () => {
  it('all required ones are proved', () => {
    expect(problems(test('LB-001 without a name'), test('LB-002 the first of two'))).toEqual([]);
  });

  it('one test may prove two', () => {
    expect(problems(test('LB-001, LB-002 both at once'))).toEqual([]);
  });

  it('the link’s statements stand beside the balancer’s, and their numbers may follow one another with a space', () => {
    const link: Statements = {
      required: ['10.1'],
      elsewhere: {},
      sections: [{ number: '10.1', title: 'Lanes', statements: { 'RG-001': 'a / b / c', 'RG-002': 'd / e / f' } }],
    };
    const both = joinStatements(STATEMENTS, link);
    const tests = [test('LB-001, LB-002 both'), test('RG-001 RG-002 the first request goes direct')];
    expect(parityProblems(both, statementSections(both, tests))).toEqual([]);
    expect(parityProblems(both, statementSections(both, tests.slice(0, 1)))).toEqual([
      'RG-001 has no proving test: a / b / c',
      'RG-002 has no proving test: d / e / f',
    ]);
  });

  it('one without a test is named', () => {
    expect(problems(test('LB-001 without a name'))).toEqual([
      'LB-002 has no proving test: two pools / request / the first',
    ]);
  });

  it('a number in the middle of a name proves nothing', () => {
    expect(problems(test('LB-001 without a name'), test('like LB-002, but worse'))).toHaveLength(1);
  });

  it('a test that fails proves nothing', () => {
    expect(problems(test('LB-001 without a name'), test('LB-002 the first', false))).toEqual([
      'LB-002 is not proved: test/config/a.test.ts > a pool > LB-002 the first failed',
    ]);
  });

  it('an exception that has a test by now is one no longer', () => {
    expect(problems(test('LB-001, LB-002 both'), test('LB-003 the port'))).toEqual([
      'LB-003 has a proving test now: take it off "elsewhere" in scripts/statements.json',
    ]);
  });

  it('no statements at all is a broken reader', () => {
    expect(parityProblems({ ...STATEMENTS, sections: [], elsewhere: {} }, [])).toEqual(['no statement was seen']);
  });

  it('what a statement is about follows from its words', () => {
    const [first, later] = statementSections(STATEMENTS, [test('LB-001, LB-002 and LB-004 all')]);
    expect(first?.rows.map((row) => row.standing)).toEqual(['refused', 'modelled', 'open']);
    expect(later?.rows.map((row) => row.standing)).toEqual(['stored']);
  });
});

describe('fields and the tests that name them', () => {
  const field = { object: 'pool', standing: 'modelled' } as const;
  it('the name stands alone, not within a longer one', () => {
    const tests = [test('session_affinity_ttl is kept'), test('LB-012 session_affinity is kept')];
    const [section] = fieldSections([{ ...field, name: 'session_affinity' }], tests);
    expect(section?.rows[0]?.proofs).toEqual([tests[1]]);
  });

  it('a common name counts only where its object is named too', () => {
    const tests = [test('LB-001 the name is kept')];
    expect(fieldSections([{ ...field, name: 'name' }], tests)[0]?.rows[0]?.proofs).toEqual(tests);
    expect(fieldSections([{ ...field, object: 'zone', name: 'name' }], tests)[0]?.rows[0]?.proofs).toEqual([]);
  });
});
