/** Path and query: one URL for each page of a population, so that each is a page of its own to the link, in a replay and in a drill of it. */
export function pageTarget(path: string, page: number): string {
  return `${path === '' ? '/' : path}${path.includes('?') ? '&' : '?'}page=${page >>> 0}`;
}
