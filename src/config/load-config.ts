/**
 * The way in for files: text to `Model`, or every problem with line and column. The checks are in config-file.ts and below it.
 */
import type { Model } from '../core/model.ts';
import type { Checked, Problem } from '../core/problem.ts';
import type { ParseOptions } from './config-file.ts';
import { parseConfig } from './config-file.ts';
import type { SourceDocument } from './document.ts';
import { readDocument } from './document.ts';
import type { Finding } from './finding.ts';

export interface LoadedConfig {
  readonly model: Model;
  readonly document: SourceDocument;
}

/** Reads YAML or JSON. Never throws for any text. Problems and warnings come in the order of the file. */
export function loadConfig(text: string, file: string, options: ParseOptions = {}): Checked<LoadedConfig> {
  const read = readDocument(text, file);
  if (!read.ok) return read;
  return checkConfig(read.value, options);
}

/** The same for a document that has been read already, to see what kind of file it is. */
export function checkConfig(document: SourceDocument, options: ParseOptions = {}): Checked<LoadedConfig> {
  const { model, findings } = parseConfig(document.value, options);
  const problems = placeFindings(findings, document);
  if (model === undefined) return { ok: false, problems };
  return { ok: true, value: { model, document }, warnings: problems };
}

/** Adds places, and sorts by them. */
export function placeFindings(findings: readonly Finding[], document: SourceDocument): Problem[] {
  return findings
    .map((finding) => document.problem(finding.path, finding.message, finding.hint, finding.at, finding.severity))
    .map((problem, index) => ({ problem, index }))
    .sort((a, b) => a.problem.line - b.problem.line || a.problem.column - b.problem.column || a.index - b.index)
    .map(({ problem }) => problem);
}
