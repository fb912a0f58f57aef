/**
 * The script inside `report.html`: the time scrubber, the theme, the copy button. It reads the JSON in the page and nothing else; the
 * page is whole without it. Plain JavaScript as text, because it is not part of the program: keep it small.
 *
 * Data (page-time.ts): `clocks`, `seconds`, `requests`, `failed`, `p99`, `pools`, `regions`, `regionPool[region][pool][step]`,
 * `regionFailed[region][step]`, `whole` (the texts of the whole run), `frames` (drawing areas of the charts), `events` (step of each line).
 */
export const SCRIPT = `
(() => {
  'use strict';
  const root = document.documentElement;
  root.classList.remove('no-script');
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);

  const theme = one('#theme');
  const system = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (root.dataset.theme || (system.matches ? 'dark' : 'light')) === 'dark';
  const showTheme = () => { theme.setAttribute('aria-pressed', String(isDark())); };
  try { const kept = localStorage.getItem('switchyard-theme'); if (kept === 'dark' || kept === 'light') root.dataset.theme = kept; } catch {}
  theme.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    try { localStorage.setItem('switchyard-theme', root.dataset.theme); } catch {}
    showTheme();
  });
  system.addEventListener('change', showTheme);
  showTheme();
  one('#print').addEventListener('click', () => print());

  const copy = one('#copy');
  copy.addEventListener('click', async () => {
    const text = one('#command').textContent;
    try { await navigator.clipboard.writeText(text); copy.textContent = 'Copied'; }
    catch { getSelection().selectAllChildren(one('#command')); copy.textContent = 'Selected'; }
  });

  const time = one('#time');
  const slider = one('#at');
  if (!time || !slider) return;
  const data = JSON.parse(one('#steps').textContent);
  const count = (n) => String(Math.round(n)).replace(/\\B(?=(\\d{3})+$)/g, ',');
  const rate = (n) => n > 0 && n < 10 ? n.toFixed(1).replace(/\\.0$/, '') : count(n);
  const percent = (p) => p > 0 && p < 0.005 ? '< 0.01\\u00a0%' : p >= 99.95 && p < 100 ? '> 99.9\\u00a0%' : p.toFixed(p < 10 ? 2 : 1).replace(/\\.?0+$/, '') + '\\u00a0%';
  const sum = (row) => row.reduce((a, b) => a + b, 0);
  const failureClass = (p) => p <= 0 ? 'f0' : p < 1 ? 'f1' : p < 10 ? 'f2' : 'f3';
  const output = one('#clock');
  const words = one('#now');
  const whole = one('#whole');
  const regions = all('.goes > li').map((item) => ({
    item, region: Number(item.dataset.region), parts: all('.stack > span', item), rate: item.querySelector('.head span'), words: item.querySelector('.words'),
    original: { rate: item.querySelector('.head span').textContent, words: item.querySelector('.words').textContent, parts: all('.stack > span', item).map((part) => [part.style.flexGrow, part.textContent, part.className]) },
  }));
  const flows = all('.flow').map((line) => ({ line, region: Number(line.dataset.region), pool: Number(line.dataset.pool), width: line.getAttribute('stroke-width') }));
  const pops = all('.map .pop').map((dot) => ({ dot, region: data.regions.indexOf(dot.dataset.region), was: dot.getAttribute('class') }));
  const lines = all('.story li');
  const starts = []; let elapsed = 0;
  for (const seconds of data.seconds) { starts.push(elapsed); elapsed += seconds; }

  function describe(step) {
    const seconds = data.seconds[step];
    const requests = data.requests[step];
    const failed = data.failed[step];
    const parts = [rate(requests / seconds) + ' requests/s', failed === 0 ? 'none failed' : rate(failed / seconds) + ' failed/s (' + percent(100 * failed / Math.max(1, requests)) + ')'];
    if (data.p99[step]) parts.push('p99 ' + data.p99[step]);
    return parts.join(', ');
  }

  function placeCursors(step) {
    const at = starts[step] + data.seconds[step] / 2;
    for (const [name, frame] of Object.entries(data.frames)) {
      const x = (frame.left + (frame.width - frame.left - frame.right) * at / elapsed).toFixed(1);
      for (const cursor of all('.chart.' + name + ' .cursor')) { cursor.setAttribute('x1', x); cursor.setAttribute('x2', x); }
    }
    for (const tick of all('.beats .tick')) tick.style.left = (100 * at / elapsed) + '%';
  }

  function showWhole() {
    time.classList.remove('timed');
    whole.setAttribute('aria-pressed', 'true');
    output.textContent = 'Whole run';
    words.textContent = data.whole;
    slider.setAttribute('aria-valuetext', 'whole run: ' + data.whole);
    for (const each of regions) {
      each.rate.textContent = each.original.rate; each.words.textContent = each.original.words;
      each.parts.forEach((part, i) => { [part.style.flexGrow, part.textContent, part.className] = each.original.parts[i]; });
    }
    for (const each of flows) { each.line.setAttribute('stroke-width', each.width); each.line.removeAttribute('visibility'); }
    for (const each of pops) each.dot.setAttribute('class', each.was);
    for (const line of lines) line.classList.remove('now');
  }

  function show(step) {
    time.classList.add('timed');
    whole.setAttribute('aria-pressed', 'false');
    const text = describe(step);
    output.textContent = data.clocks[step];
    words.textContent = text;
    slider.setAttribute('aria-valuetext', data.clocks[step] + ', ' + text);
    const shares = data.regionPool.map((pools) => { const all = sum(pools.map((row) => row[step])); return pools.map((row) => all === 0 ? 0 : 100 * row[step] / all); });
    const lost = data.regions.map((_, r) => { const n = sum(data.regionPool[r].map((row) => row[step])); return n === 0 ? 0 : 100 * data.regionFailed[r][step] / n; });
    for (const each of regions) {
      const now = sum(data.regionPool[each.region].map((row) => row[step]));
      each.rate.textContent = rate(now / data.seconds[step]) + '/s' + (lost[each.region] > 0 ? ', ' + percent(lost[each.region]) + ' failed' : '');
      const said = [];
      each.parts.forEach((part, p) => {
        const share = shares[each.region][p];
        part.style.flexGrow = share;
        part.className = share === 0 ? 'zero' : '';
        part.textContent = share >= 14 ? data.pools[p] : '';
        if (share > 0) said.push(data.pools[p] + ' ' + percent(share));
      });
      each.words.textContent = now === 0 ? 'no requests' : said.join(', ');
    }
    for (const each of flows) {
      const share = shares[each.region][each.pool];
      if (share === 0) each.line.setAttribute('visibility', 'hidden');
      else { each.line.removeAttribute('visibility'); each.line.setAttribute('stroke-width', Math.max(0.8, data.flowMax * share / 100).toFixed(1)); }
    }
    for (const each of pops) each.dot.setAttribute('class', 'pop ' + failureClass(each.region < 0 ? 0 : lost[each.region]));
    let latest = -1;
    data.events.forEach((at, i) => { if (at <= step) latest = i; });
    lines.forEach((line, i) => line.classList.toggle('now', i === latest));
    placeCursors(step);
  }

  slider.addEventListener('input', () => show(Number(slider.value)));
  whole.addEventListener('click', () => { stop(); if (whole.getAttribute('aria-pressed') === 'true') show(Number(slider.value)); else showWhole(); });
  for (const button of all('.story button.time')) {
    button.addEventListener('click', () => { stop(); slider.value = button.dataset.step; show(Number(slider.value)); time.scrollIntoView(); slider.focus({ preventScroll: true }); });
  }
  for (const chart of all('.chart')) {
    const frame = data.frames[chart.classList.contains('wide') ? 'wide' : 'narrow'];
    const go = (event) => {
      const box = chart.getBoundingClientRect();
      const x = (event.clientX - box.left) * frame.width / box.width;
      const at = elapsed * (x - frame.left) / (frame.width - frame.left - frame.right);
      let step = starts.findLastIndex((start) => start <= at);
      step = Math.min(data.clocks.length - 1, Math.max(0, step));
      slider.value = String(step); show(step);
    };
    chart.addEventListener('pointerdown', (event) => { stop(); go(event); });
    chart.addEventListener('pointermove', (event) => { if (event.buttons === 1) go(event); });
  }

  let timer = 0;
  const play = one('#play');
  function stop() { clearInterval(timer); timer = 0; play.textContent = 'Play'; play.setAttribute('aria-pressed', 'false'); }
  play.addEventListener('click', () => {
    if (timer) return stop();
    if (Number(slider.value) >= Number(slider.max)) slider.value = '0';
    play.textContent = 'Pause'; play.setAttribute('aria-pressed', 'true');
    show(Number(slider.value));
    timer = setInterval(() => {
      if (Number(slider.value) >= Number(slider.max)) return stop();
      slider.value = String(Number(slider.value) + 1);
      show(Number(slider.value));
    }, 110);
  });
})();
`;
