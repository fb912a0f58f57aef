/**
 * Finds what would make two runs of one seed differ: a clock, chance, the network, the place the machine stands in (STYLE 4). Only
 * `src/live`, `src/drill` and `src/cli` may have them; everyone else is handed `now` and `random`.
 *
 * It reads syntax, not types. A global counts wherever it is used as a value, unless the file declares that name itself; `Date` and
 * `Math` count unless they are used in one of the ways that only compute. Modules of Node are watched by import-rules.ts.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** Rooms that pick a world or are one. */
const FREE_ROOMS: ReadonlySet<string> = new Set(['live', 'cli', 'drill']);
/** Rooms where a float may only meet + - * / and what IEEE 754 makes exact: `exp`, `log`, `pow`, `sin` may differ by engine. */
const EXACT_ROOMS: ReadonlySet<string> = new Set([
  'core',
  'config',
  'health',
  'steering',
  'http1',
  'railgun',
  'edge',
  'checks',
]);

const INSTEAD: Readonly<Record<string, string>> = {
  fetch: 'the network is a port of src/core/ports.ts',
  WebSocket: 'the network is a port of src/core/ports.ts',
  EventSource: 'the network is a port of src/core/ports.ts',
  XMLHttpRequest: 'the network is a port of src/core/ports.ts',
  setTimeout: 'a Scheduler is an argument',
  setInterval: 'a Scheduler is an argument',
  setImmediate: 'a Scheduler is an argument',
  performance: '`now: Micros` is an argument',
  process: 'what the process knows is an argument',
  globalThis: 'name what is needed, and take it as an argument',
};

const PURE_DATE: ReadonlySet<string> = new Set(['UTC', 'parse']);
const LOCAL_TIME = /^(?:get|set)(?:Date|Day|FullYear|Hours|Minutes|Month|Seconds|Milliseconds)$|^getTimezoneOffset$/;
const LOCALE = /^(?:localeCompare|toLocale\w+)$/;
const RANDOM_CRYPTO = /^(?:random\w+|getRandomValues|webcrypto|generate(?:Key|KeyPair|Prime)(?:Sync)?|subtle)$/;
const EXACT_MATH: ReadonlySet<string> = new Set([
  ...['abs', 'ceil', 'clz32', 'floor', 'fround', 'imul', 'max', 'min', 'round', 'sign', 'sqrt', 'trunc'],
  ...['PI', 'E', 'LN2', 'LN10', 'SQRT2'],
]);

export interface Found {
  readonly files: number;
  /** `src/core/x.ts:3:7: Date.now: …` */
  readonly hidden: readonly string[];
}

/** Looks at every source file below `base/src`. */
export function findHiddenInputs(base: string): Found {
  const files = globSync('src/**/*.ts', { cwd: base }).toSorted();
  const watched = files.filter((file) => !FREE_ROOMS.has(file.split('/')[1] ?? ''));
  if (watched.length === 0) return { files: 0, hidden: ['no file was seen: the reader of sources is broken'] };
  return {
    files: watched.length,
    hidden: watched.flatMap((file) => hiddenInputs(file, readFileSync(join(base, file), 'utf8'))),
  };
}

export function hiddenInputs(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const exact = EXACT_ROOMS.has(file.split('/')[1] ?? '');
  const declared = declaredNames(source);
  const found: string[] = [];
  const complain = (node: ts.Node, what: string, instead: string): void => {
    const { line, character } = source.getLineAndCharacterOfPosition(node.getStart(source));
    found.push(`${file}:${line + 1}:${character + 1}: ${what}: ${instead}`);
  };

  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isImportDeclaration(node)) return visitImport(node);
    if (ts.isIdentifier(node) && isValue(node) && !declared.has(node.text)) visitGlobal(node);
    if (ts.isPropertyAccessExpression(node)) visitMember(node);
    ts.forEachChild(node, visit);
  };

  const visitImport = (node: ts.ImportDeclaration): void => {
    const from = ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : '';
    if (!/^(?:node:)?crypto$/.test(from) || node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return;
    const names = node.importClause?.namedBindings;
    if (names === undefined || !ts.isNamedImports(names)) {
      complain(node, `all of ${from}`, 'name what is needed, so that chance cannot hide in it');
      return;
    }
    for (const one of names.elements) {
      const name = (one.propertyName ?? one.name).text;
      if (RANDOM_CRYPTO.test(name)) complain(one, `${name} of ${from}`, '`random` is an argument');
    }
  };

  const visitGlobal = (node: ts.Identifier): void => {
    const name = node.text;
    const { parent } = node;
    const member = ts.isPropertyAccessExpression(parent) && parent.expression === node ? parent.name.text : undefined;
    switch (name) {
      case 'Date': {
        if (ts.isNewExpression(parent) && parent.expression === node && (parent.arguments?.length ?? 0) > 0) return;
        if (member !== undefined && PURE_DATE.has(member)) return;
        if (ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword) return;
        return complain(node, member === undefined ? 'Date' : `Date.${member}`, '`now: Micros` is an argument');
      }
      case 'Math':
        for (const used of membersOf(node) ?? ['']) {
          if (used === '' || used === 'random')
            complain(node, used === '' ? name : 'Math.random', '`random` is an argument');
          else if (exact && !EXACT_MATH.has(used)) complain(node, `Math.${used}`, 'engines differ in its last digits');
        }
        return;
      case 'crypto':
        return complain(node, 'crypto', '`random` is an argument, hashes come from node:crypto');
      case 'Temporal':
        return complain(node, 'Temporal', 'time is whole microseconds (src/core/time.ts)');
      case 'Intl':
        return complain(node, 'Intl', 'it differs by locale and by version');
      default: {
        const instead = Object.hasOwn(INSTEAD, name) ? INSTEAD[name] : undefined;
        if (instead !== undefined) complain(node, name, instead);
      }
    }
  };

  const visitMember = (node: ts.PropertyAccessExpression): void => {
    const name = node.name.text;
    if (LOCAL_TIME.test(name)) complain(node.name, name, 'it depends on the time zone: use the UTC one');
    if (LOCALE.test(name)) {
      const call = node.parent;
      const given = ts.isCallExpression(call) ? call.arguments[name === 'localeCompare' ? 1 : 0] : undefined;
      if (given === undefined) complain(node.name, name, 'it depends on the locale: name one, or compare with <');
    }
  };

  visit(source);
  return found;
}

/** The members of an object that are used here, `Math.PI` or `const { PI } = Math`; `undefined` when that cannot be told. */
function membersOf(object: ts.Identifier): string[] | undefined {
  const { parent } = object;
  if (ts.isPropertyAccessExpression(parent)) return [parent.name.text];
  if (!ts.isVariableDeclaration(parent) || !ts.isObjectBindingPattern(parent.name)) return undefined;
  if (parent.name.elements.some((element) => element.dotDotDotToken !== undefined)) return undefined;
  const names = parent.name.elements.map((element) => element.propertyName ?? element.name);
  return names.every(ts.isIdentifier) ? names.map((name) => name.text) : undefined;
}

/** Names that the file gives to things of its own: an injected `fetch` is not the hidden one. */
function declaredNames(source: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const named =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isImportSpecifier(node) ||
      ts.isImportClause(node);
    if (named && node.name !== undefined && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

/** Is the identifier read as a variable here, and not the name of a member, a key or a declaration? */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return false;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  const names =
    ts.isMethodDeclaration(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isGetAccessorDeclaration(parent) ||
    ts.isSetAccessorDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isParameter(parent) ||
    ts.isVariableDeclaration(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isClassDeclaration(parent);
  if (names) return parent.name !== node;
  return !(
    ts.isExportSpecifier(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isImportClause(parent) ||
    ts.isLabeledStatement(parent)
  );
}
