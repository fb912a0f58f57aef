/** The pages that a newcomer reads first say what is so. `.ci/run` runs the commands of README.md; here is the rest. */
import { existsSync, globSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { TEMPLATES } from '../../src/cli/init.ts';
import { switchyard } from './terminal.ts';

const ROOT = join(import.meta.dirname, '../..');
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const README = text('README.md');

describe('README.md', () => {
  it('shows what the flagship prints; `vitest run FILE -u` renews it', async () => {
    const out = mkdtempSync(join(tmpdir(), 'switchyard-readme-'));
    const played = await switchyard(['replay', 'scenarios/flagship.yaml', '--out', out]);
    rmSync(out, { recursive: true });
    const section = (title: string): string => new RegExp(`^${title}.*?(?=\\n\\n)`, 'ms').exec(played.out)?.[0] ?? '';
    const verdict = /^PASSED .*$/m.exec(played.out)?.[0] ?? '';
    const shown = ['$ npm start', section('WHAT HAPPENED'), section('DOWNTIME BUDGET'), section('SESSIONS'), verdict];
    expect(shown.every((part) => part !== '')).toBe(true);
    const block = `<!-- flagship -->\n\n\`\`\`text\n${shown.join('\n\n')}\n\`\`\`\n\n<!-- end -->`;
    const page = README.replace(/<!-- flagship -->.*?<!-- end -->/s, () => block);
    await expect(page).toMatchFileSnapshot('../../README.md');
  });

  it('names every template and says early what became of Railgun', () => {
    for (const { name } of TEMPLATES) expect(README).toContain(name);
    expect(README.slice(0, 1200)).toContain('Railgun itself was withdrawn in January 2024');
  });
});

describe('scenarios/README.md', () => {
  const page = text('scenarios/README.md');
  it('lists every scenario of the folder; `vitest run FILE -u` renews the list', async () => {
    const files = readdirSync(join(ROOT, 'scenarios')).filter((file) => file.endsWith('.yaml'));
    expect(files.length).toBeGreaterThanOrEqual(12);
    const rows = files.toSorted().map((file) => {
      const { name, description } = parse(text(`scenarios/${file}`)) as { name: string; description: string };
      return `| [${file.replace('.yaml', '')}](${file}) | ${name} | ${description} |`;
    });
    const table = ['| file | the story | what happens |', '| --- | --- | --- |', ...rows].join('\n');
    const made = page.replace(/<!-- library -->.*?<!-- end -->/s, () => `<!-- library -->\n\n${table}\n\n<!-- end -->`);
    await expect(made).toMatchFileSnapshot('../../scenarios/README.md');
  });

  it('the smallest scenario plays, and its checks hold', async () => {
    const yaml = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? '';
    const folder = mkdtempSync(join(tmpdir(), 'switchyard-small-'));
    const file = join(folder, 'small.yaml');
    writeFileSync(file, yaml);
    const { code, out, err } = await switchyard(['replay', file, '--quiet', '--out', join(folder, 'out')]);
    expect(code, out + err).toBe(0);
    rmSync(folder, { recursive: true });
  });
});

describe('links between pages', () => {
  const pages = globSync(['*.md', '{docs,scenarios,data,src}/**/*.md'], { cwd: ROOT }).toSorted();
  it.each(pages)('%s: every link leads to a file', (page) => {
    const links = [...text(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map((match) => match[1]!);
    const broken = links.filter((link) => !existsSync(join(ROOT, dirname(page), link)));
    expect(broken).toEqual([]);
  });

  it('decisions that the code cites are there', () => {
    const cited = globSync('{src,test,bench,scripts}/**/*.ts', { cwd: ROOT }).flatMap(
      (file) => text(file).match(/docs\/decisions\/\d{4}[\w-]*\.md/g) ?? [],
    );
    expect(cited.length).toBeGreaterThan(2);
    expect(cited.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});
