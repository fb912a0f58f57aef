/**
 * Pages that change the way real ones do, made from nothing but a seed and a version number: for demos, drills, benches
 * and tests, free to ship. A version is five minutes after the one before it.
 *
 *   news      front page: a generation stamp and a request id, comment counts, "minutes ago"; new articles push in at
 *             the top and old ones fall off
 *   shop      product listing: prices, stock, a token in every form
 *   account   one page for many visitors: name, tokens, counters, some of the cards (a version is a visitor here)
 *   incidents JSON API: incidents appear, change state, go
 *   forecast  JSON API: every six versions all numbers are new and the hours have moved on
 *
 * Pure, and cheap enough to call per request: 1 to 3 ms. Knows nothing of links or deltas.
 */
import { seededRandom, type Random } from '../core/random.ts';
import { fromSeconds, toRfc3339 } from '../core/time.ts';

export const PAGE_KINDS = ['news', 'shop', 'account', 'incidents', 'forecast'] as const;
export type PageKind = (typeof PAGE_KINDS)[number];

/** 2026-03-01T06:00:00Z, version 0. */
const START_SECONDS = 1_772_344_800;
const STEP_SECONDS = 300;

const encoder = new TextEncoder();

/** The page of this kind as it is at this version (from 0), byte for byte the same wherever it is made. */
export function pageAt(kind: PageKind, seed: number | string, version: number): Uint8Array {
  const random = seededRandom(`pages/${kind}/${seed}`);
  switch (kind) {
    case 'news':
      return encoder.encode(newsPage(random, version));
    case 'shop':
      return encoder.encode(shopPage(random, version));
    case 'account':
      return encoder.encode(accountPage(random, version));
    case 'incidents':
      return encoder.encode(incidentsBody(random, version));
    case 'forecast':
      return encoder.encode(forecastBody(random, version));
  }
}

/** The content type a server would give it. */
export function pageType(kind: PageKind): string {
  return kind === 'incidents' || kind === 'forecast' ? 'application/json' : 'text/html; charset=utf-8';
}

function at(version: number): string {
  return toRfc3339(fromSeconds(START_SECONDS + version * STEP_SECONDS)).replace('.000000Z', 'Z');
}

// ---- news

/** Articles on the page; one is published every three versions or so. */
const ARTICLES = 64;
const SECTIONS = ['World', 'Business', 'Science', 'Travel', 'Sport', 'Culture', 'Opinion', 'Climate'];

function newsPage(random: Random, version: number): string {
  const stamp = random.fork(`stamp/${version}`);
  const newest = 1000 + Math.floor(version / 3);
  const cards: string[] = [];
  for (let n = 0; n < ARTICLES; n++) cards.push(article(random, newest - n, version));
  const main = SECTIONS.map((section, n) => {
    const inside = cards.filter((_, card) => card % SECTIONS.length === n).join('');
    return `  <section class="front-section front-section--${section.toLowerCase()}" data-zone="zone-${n}">\n    <h2 class="front-section__title"><a href="/${section.toLowerCase()}/" class="front-section__link">${section}</a></h2>\n${inside}  </section>\n`;
  }).join('');
  return `${head('The Daily Junction', random)}<!-- srv web0${stamp.below(8)} gen ${at(version)} req ${uuid(stamp)} -->
${navigation(SECTIONS)}<main id="main" class="layout layout--front">
${main}</main>
<aside class="ticker" aria-label="Markets">${ticker(random, version)}</aside>
${footer(random)}<script>window.page={"id":"${hex(stamp, 32)}","version":${version},"ads":{"slot":"top-${stamp.below(40)}"}};</script>
</body></html>
`;
}

function article(random: Random, id: number, version: number): string {
  const own = random.fork(`article/${id}`);
  const title = sentence(own, 6 + own.below(5));
  const slug = title.toLowerCase().replaceAll(' ', '-');
  const section = SECTIONS[own.below(SECTIONS.length)]!.toLowerCase();
  const age = Math.max(0, version * 5 - (id - 1000) * 15);
  const lead = `${sentence(own, 12 + own.below(10))}. ${sentence(own, 10 + own.below(12))}.`;
  // Comments come in bursts: most articles keep their number for a while.
  const quiet = 4 + own.below(30);
  const comments = own.below(60) + Math.floor((version + own.below(quiet)) / quiet);
  const when = age < 60 ? 'in the last hour' : age < 1440 ? `${Math.floor(age / 60)} h ago` : 'earlier';
  const image = `https://img.example/${2026}/${hex(own, 8)}/${slug.slice(0, 30)}`;
  return `    <article class="card card--${section}" data-id="${id}" data-unique="https://www.example/${section}/${slug}">
      <a class="card__link" href="https://www.example/${section}/${slug}" tabindex="-1" aria-hidden="true">
        <picture class="card__media"><source media="(min-width: 980px)" srcset="${image}/wide__980x420.webp 1x, ${image}/wide__1960x840.webp 2x"><img class="card__image" loading="lazy" src="${image}/cinema__480x270.jpg" width="480" height="270" alt="${title}"></picture>
      </a>
      <div class="card__text">
        <h3 class="card__heading"><span class="card__kicker">${sentence(own, 2)}</span><span class="visually-hidden">: </span><span class="card__title">${title}</span></h3>
        <p class="card__lead">${lead}</p>
        <div class="card__meta"><span class="card__author">By ${name(own)}</span> <time class="card__time">${when}</time> <a class="card__comments" href="https://www.example/${section}/${slug}#comments">${comments} comments</a></div>
      </div>
    </article>
`;
}

function ticker(random: Random, version: number): string {
  const items: string[] = [];
  for (let n = 0; n < 5; n++) {
    const own = random.fork(`ticker/${n}/${Math.floor(version / (n + 1))}`);
    items.push(`<span class="ticker__item"><b>IX${n}</b> <i>${(1000 + own.below(90_000) / 10).toFixed(2)}</i></span>`);
  }
  return items.join('');
}

// ---- shop

const PRODUCTS = 90;

function shopPage(random: Random, version: number): string {
  const token = hex(random.fork(`token/${version}`), 40);
  const rows: string[] = [];
  for (let n = 0; n < PRODUCTS; n++) {
    const own = random.fork(`product/${n}`);
    const title = sentence(own, 3);
    const period = 3 + own.below(60);
    const turn = random.fork(`price/${n}/${Math.floor((version + own.below(period)) / period)}`);
    const price = (5 + turn.below(40_000) / 100).toFixed(2);
    const stock = Math.max(0, 40 - ((version * (1 + own.below(3)) + own.below(40)) % 41));
    rows.push(`  <li class="product" id="p${7000 + n}"><a class="product__link" href="/p/${7000 + n}/${title.toLowerCase().replaceAll(' ', '-')}"><img class="product__image" src="/media/${hex(own, 12)}.jpg" alt="${title}" width="240" height="240" loading="lazy"></a>
    <h3 class="product__name">${title}</h3><p class="product__text">${sentence(own, 14)}.</p>
    <p class="product__price" data-currency="EUR">${price}</p><p class="product__stock">${stock === 0 ? 'sold out' : n % 3 === 0 ? `${stock} in stock` : 'in stock'}</p>
    <form method="post" action="/cart"><input type="hidden" name="sku" value="${7000 + n}"><input type="hidden" name="csrf" value="${token}"><button class="button button--buy">Add to basket</button></form></li>
`);
  }
  return `${head('Junction Supplies', random)}${navigation(['Tools', 'Garden', 'Kitchen', 'Office', 'Sale'])}<ul class="products">
${rows.join('')}</ul>
<p class="generated">Prices of ${at(version)}</p>
${footer(random)}</body></html>
`;
}

// ---- account

function accountPage(random: Random, visitor: number): string {
  const own = random.fork(`visitor/${visitor}`);
  const person = name(own);
  const cards: string[] = [];
  for (let n = 0; n < 40; n++) {
    const pick = n % 4 === 0 ? own.below(200) : n;
    cards.push(article(random, pick, 0));
  }
  return `${head('Your Junction', random)}<meta name="csrf-token" content="${hex(own, 64)}">
<meta name="session" content="${hex(own, 64)}">
${navigation(SECTIONS)}<div class="hello">Good morning, <b class="hello__name">${person}</b>. You have <span class="badge">${own.below(30)}</span> messages and ${own.below(900)} points.</div>
<main class="layout layout--account">
${cards.join('')}</main>
${footer(random)}<script>window.user={"id":"${uuid(own)}","name":"${person}","since":${START_SECONDS - own.below(90_000_000)}};</script>
</body></html>
`;
}

// ---- incidents

const CAUSES = [
  'Not known yet.',
  'A cable was damaged.',
  'Planned work takes longer.',
  'Storm damage is being repaired.',
];
const STATES = ['reported', 'crew assigned', 'crew on the way', 'crew on site', 'restored'];

function incidentsBody(random: Random, version: number): string {
  const incidents: unknown[] = [];
  const newest = 400_000 + version * 2;
  for (let id = newest - 260; id < newest; id++) {
    const own = random.fork(`incident/${id}`);
    const age = Math.floor((newest - id) / 2);
    const pace = 4 + own.below(50);
    const state = Math.floor(age / pace);
    if (state >= STATES.length) continue;
    const opened = START_SECONDS + (version - age) * STEP_SECONDS + own.below(STEP_SECONDS);
    incidents.push({
      number: String(id),
      opened: String(opened),
      state: STATES[state],
      cause: state === 0 ? CAUSES[0] : CAUSES[own.below(CAUSES.length)],
      customers: String(1 + own.below(own.below(4) === 0 ? 2000 : 40)),
      expected: String(opened + 3600 * (1 + state) + 600 * own.below(20)),
      updated: String(opened + state * pace * STEP_SECONDS + own.below(STEP_SECONDS)),
      latitude: (35 + own.below(600_000) / 100_000).toFixed(5),
      longitude: (-124 + own.below(500_000) / 100_000).toFixed(5),
      region: capital(word(own)),
    });
  }
  incidents.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return JSON.stringify({ generated: at(version), incidents });
}

// ---- forecast

const FIELDS = [
  'temperature',
  'rain',
  'windSpeed',
  'windGust',
  'humidity',
  'pressure',
  'visibility',
  'cloud',
  'dewPoint',
  'snow',
];
const HOURS = 120;
const RUN = 6;

function forecastBody(random: Random, version: number): string {
  const run = Math.floor(version / RUN);
  const hours: unknown[] = [];
  for (let n = 0; n < HOURS; n++) {
    const hour = Math.floor(version / 12) + n;
    const own = random.fork(`hour/${run}/${hour}`);
    const entry: Record<string, unknown> = { time: at(hour * 12), symbol: own.below(9) };
    for (const [field, title] of FIELDS.entries()) {
      const base = random.fork(`base/${field}/${hour}`).below(3000) / 100;
      entry[title] = Number((base + own.below(1_000_000) / 1_000_000).toFixed(6));
    }
    hours.push(entry);
  }
  return JSON.stringify({ place: 'Junction', updated: at(run * RUN), served: at(version), hours }, null, 1);
}

// ---- parts

function head(title: string, random: Random): string {
  const own = random.fork('assets');
  const styles = Array.from(
    { length: 6 },
    (_, n) =>
      `<link rel="stylesheet" href="/assets/${['base', 'layout', 'cards', 'forms', 'print', 'dark'][n]}.${hex(own, 10)}.css">`,
  );
  return `<!doctype html>
<html lang="en" class="no-js">
<head><meta charset="utf-8"><title>${title}</title><meta name="viewport" content="width=device-width, initial-scale=1">
${styles.join('\n')}
<script type="application/ld+json">{"@context":"https://schema.org","@type":"WebSite","name":"${title}","url":"https://www.example/"}</script>
</head><body>
`;
}

function navigation(items: readonly string[]): string {
  const links = items.map(
    (item) => `<li class="nav__item"><a class="nav__link" href="/${item.toLowerCase()}/">${item}</a></li>`,
  );
  return `<nav class="nav" aria-label="Main"><ul class="nav__list">${links.join('')}</ul></nav>\n`;
}

function footer(random: Random): string {
  const own = random.fork('footer');
  const links = Array.from({ length: 30 }, () => {
    const text = sentence(own, 2);
    return `<li><a class="footer__link" href="/about/${text.toLowerCase().replace(' ', '-')}">${text}</a></li>`;
  });
  return `<footer class="footer"><ul class="footer__list">${links.join('\n')}</ul></footer>\n`;
}

const WORDS =
  'harbour bridge garden window letter winter summer market river stone paper copper silver island forest teacher doctor engine signal station junction railway carrier parcel timber kitchen orchard meadow village city council minister player captain winner season morning evening number answer question reason report record plan budget price value power water weather storm light colour sound music story picture history future science study method result change growth border road journey traffic ticket driver sailor farmer baker builder painter writer reader member leader partner friend family children school college library museum theatre opens closes begins ends finds loses keeps leaves builds breaks moves turns rises falls grows shrinks wins fails helps warns asks says shows plans wants needs under over after before between against without again almost nearly often never always early late quiet loud bright dark narrow wide gentle sudden common rare'.split(
    ' ',
  );
const NAMES = [
  'Ada',
  'Bruno',
  'Clara',
  'Dmitri',
  'Elif',
  'Farah',
  'Goran',
  'Hana',
  'Ivo',
  'Jun',
  'Kofi',
  'Lena',
  'Mira',
  'Noor',
  'Otto',
  'Priya',
];

function word(random: Random): string {
  return WORDS[random.below(WORDS.length)]!;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function sentence(random: Random, words: number): string {
  return capital(Array.from({ length: words }, () => word(random)).join(' '));
}

function name(random: Random): string {
  return `${NAMES[random.below(NAMES.length)]!} ${capital(word(random))}`;
}

function hex(random: Random, digits: number): string {
  let text = '';
  for (let n = 0; n < digits; n++) text += random.below(16).toString(16);
  return text;
}

function uuid(random: Random): string {
  return `${hex(random, 8)}-${hex(random, 4)}-${hex(random, 4)}-${hex(random, 4)}-${hex(random, 12)}`;
}
