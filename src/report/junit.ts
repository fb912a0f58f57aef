/**
 * `junit.xml` for CI: one test case a check, the seed and hashes as properties. No host name and no time of day, so that the same
 * run gives the same file; `time` is 0, because a check takes none.
 */
import junit, { type Builder } from 'junit-report-builder';
import type { RunReport } from '../core/report.ts';
import { figureText } from './facts.ts';
import { fidelityCells } from './fidelity-facts.ts';
import { printable } from './paint.ts';

export function renderJunit(report: RunReport): string {
  // The package's types speak of a default export; what Node gives is the builder itself.
  const builder = (junit as unknown as Builder).newBuilder();
  const suite = builder.testSuite().name(xmlSafe(report.scenario.name));
  suite.property('seed', xmlSafe(report.seed));
  suite.property('configuration', report.configHash);
  suite.property('scenario', report.scenarioHash);
  suite.property('repeat', xmlSafe(report.repeat));
  if (report.partial !== null) suite.property('partial', xmlSafe(report.partial.reason));
  for (const check of report.checks) {
    const test = suite.testCase().className(xmlSafe(report.scenario.file)).name(xmlSafe(check.check)).time(0);
    if (check.line > 0) test.file(xmlSafe(report.scenario.file));
    if (check.pass) {
      test.standardOutput(xmlSafe(check.text));
    } else {
      test.failure(xmlSafe(check.text), check.value === null ? 'nothing_to_measure' : 'limit');
      test.stacktrace(
        xmlSafe(`measured ${figureText(check.value, check.unit)}, limit ${figureText(check.limit, check.unit)}`),
      );
    }
  }
  for (const row of report.fidelity?.rows ?? []) {
    if (row.pass === null) continue;
    const { figure, subject, predicted, measured, difference, allowed } = fidelityCells(row);
    const named = subject === '' ? figure : `${figure}: ${subject}`;
    const said = `predicted ${predicted}, measured ${measured}, difference ${difference}; allowed ${allowed}`;
    const test = suite
      .testCase()
      .className(xmlSafe(`${report.scenario.file} fidelity`))
      .name(xmlSafe(named))
      .time(0);
    if (row.pass) test.standardOutput(xmlSafe(said));
    else test.failure(xmlSafe(said), 'fidelity');
  }
  const text = builder.build();
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** XML 1.0 has no place for control characters and lone surrogates, not even escaped. */
function xmlSafe(text: string): string {
  return printable(text)
    .replace(/[\ufffe\uffff]/g, '')
    .replace(/\p{Surrogate}/gu, '\ufffd');
}
