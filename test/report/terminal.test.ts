import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { renderTerminal, renderVerdict } from '../../src/report/terminal.ts';
import { checkedSample } from './checked-sample.ts';
import { sampleReport } from './sample.ts';

const sample = checkedSample();
const rich = (width: number, colour = false): string => renderTerminal(sample, { width, colour, plain: false });

describe('the report on a terminal', () => {
  it('tells the story with time, sign and line of the scenario', () => {
    expect(rich(120)).toContain(
      '  12:03:00  ✗  pool/eu loses power: its origins stop answering.  power-loss.yaml:31\n',
    );
  });

  it('shows where a region went, phase by phase', () => {
    const row = rich(120)
      .split('\n')
      .find((line) => /^ +WEU +eu /.test(line));
    expect(row?.match(/[\d.]+ %/g)?.slice(0, 3)).toEqual(['100 %', '7.48 %', '85.3 %']);
  });

  it('shows each check with its sentence, and the verdict last', () => {
    const lines = rich(120).trimEnd().split('\n');
    expect(lines.at(-1)).toBe('FAILED  2 of 9 checks failed.');
    expect(lines).toContain('  ✗ failed_requests < 0.5%  power-loss.yaml:37');
    expect(lines).toContain('  ✓ sessions_lost < 2%  power-loss.yaml:42');
  });

  it.each([80, 100, 120])('no line of it is wider than %i columns', (width) => {
    for (const plain of [true, false]) {
      const text = renderTerminal(sample, { width, colour: true, plain });
      const wide = text.split('\n').filter((line) => stringWidth(line) > width && !/\.yaml:\d+/.test(line));
      expect(wide).toEqual([]);
    }
  });

  it('is coloured only when asked', () => {
    const escapes = /\u001b\[/;
    expect(rich(100)).not.toMatch(escapes);
    expect(rich(100, true)).toMatch(escapes);
    expect(stripped(rich(100, true))).toBe(rich(100));
  });

  it('plain paper has no bars, rules or signs', () => {
    const text = renderTerminal(sample, { width: 80, colour: false, plain: true });
    expect(text).not.toMatch(/[█▏─✓✗⚠≈→]/);
    expect(text).toContain('  FAIL failed_requests < 0.5%');
    expect(text).toContain('  ok   sessions_lost < 2%');
  });

  it('a run without events or checks is still a report', () => {
    const text = renderTerminal(sampleReport({ failover: false, minutes: 1 }), {
      width: 80,
      colour: false,
      plain: true,
    });
    expect(text).toContain('Nothing happened to the configuration, the origins or the link.');
    expect(text).toContain('DONE  No checks were asked.');
  });

  it('escape sequences in names are shown, not obeyed', () => {
    const evil = { ...sample, scenario: { ...sample.scenario, name: 'a\u001b[2Jb\u202e' } };
    const text = renderTerminal(evil, { width: 80, colour: false, plain: false });
    expect(text).toContain('a\\x1b[2Jb\\x202e');
  });

  it('quiet is checks and verdict', () => {
    const lines = renderVerdict(sample, { width: 120, colour: false, plain: true }).trimEnd().split('\n');
    expect(lines).toHaveLength(2 * sample.checks.length + 1);
    expect(lines.at(-1)).toBe('FAILED  2 of 9 checks failed.');
  });
});

function stripped(text: string): string {
  return text.replace(/\u001b\[\d+m/g, '');
}
