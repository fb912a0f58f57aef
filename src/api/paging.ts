/** `page`, `per_page` and `direction` of a list (spec 6.1), and what is said about it in `result_info`. */
import type { ResultInfo } from './envelope.ts';

export interface Paging {
  readonly page: number;
  readonly perPage: number;
  readonly direction: 'asc' | 'desc';
}

/** Documented for railguns. */
const PER_PAGE = 50;
const PER_PAGE_MAX = 1_000;
const PAGE_MAX = 1_000_000;

/** The problem in words, when there is one. */
export function readPaging(query: Readonly<Record<string, string>>): Paging | { readonly problem: string } {
  const whole = (name: string, standard: number, most: number): number | undefined => {
    const text = query[name];
    if (text === undefined || text === '') return standard;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    return value >= 1 && value <= most ? value : undefined;
  };
  const page = whole('page', 1, PAGE_MAX);
  const perPage = whole('per_page', PER_PAGE, PER_PAGE_MAX);
  const direction = query['direction'] ?? 'asc';
  if (page === undefined) return { problem: `page must be in range [1, ${PAGE_MAX}]` };
  if (perPage === undefined) return { problem: `per_page must be in range [1, ${PER_PAGE_MAX}]` };
  if (direction !== 'asc' && direction !== 'desc') return { problem: 'direction must be asc or desc' };
  return { page, perPage, direction };
}

/** `all` in ascending order. A page beyond the last is empty. */
export function pageOf<T>(
  all: readonly T[],
  { page, perPage, direction }: Paging,
): { readonly items: readonly T[]; readonly info: ResultInfo } {
  const ordered = direction === 'asc' ? all : all.toReversed();
  const items = ordered.slice((page - 1) * perPage, page * perPage);
  const info = {
    page,
    per_page: perPage,
    count: items.length,
    total_count: all.length,
    total_pages: Math.ceil(all.length / perPage),
  };
  return { items, info };
}
