// What every page must pass. Each check answers with a list of plain sentences: empty means nothing is wrong.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Rules of WCAG 2.0, 2.1 and 2.2 at levels A and AA, by axe's names. */
const WCAG22AA = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa'];

// The design system's button for files is named by its question and by its own words, with a comma between them that
// only screen readers meet; axe leaves that comma out of what is seen and then finds the words in another order.
const falseAlarm = (rule, node) => rule === 'label-content-name-mismatch' && node.html.includes('nhsuk-file-upload__drop-button');

/** What axe finds against WCAG 2.2 AA. */
export async function axe(page, { tags = WCAG22AA } = {}) {
  // Evaluated from outside the page, so a strict content security policy stays as it is.
  if (!(await page.evaluate('typeof window.axe === "object"'))) await page.evaluate(axeSource);
  const { violations } = await page.evaluate(
    (values) => window.axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] }),
    tags,
  );
  return violations.flatMap((violation) =>
    violation.nodes.filter((node) => !falseAlarm(violation.id, node)).map((node) => `axe ${violation.id}: ${violation.help}: ${node.target.join(' ')}`),
  );
}

/** At 320 CSS pixels wide nothing needs sideways scrolling of the page (WCAG 1.4.10, reflow). */
export async function at320(page) {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 800 });
  // Menus fold themselves a moment after the screen has changed.
  const fits = () => document.scrollingElement.scrollWidth <= document.documentElement.clientWidth + 1;
  await page.waitForFunction(fits, null, { timeout: 500, polling: 25 }).catch(() => {});
  const found = await page.evaluate(() => {
    const wide = document.documentElement.clientWidth;
    if (document.scrollingElement.scrollWidth <= wide + 1) return [];
    // A table may scroll inside its own frame: what stands in one is not what makes the page wide.
    const framed = (element) => {
      for (let up = element.parentElement; up; up = up.parentElement) {
        if (up !== document.body && up !== document.documentElement) {
          if (/(auto|scroll|hidden|clip)/.test(getComputedStyle(up).overflowX)) return true;
        }
      }
      return false;
    };
    const name = (element) =>
      element.tagName.toLowerCase() +
      (element.id ? `#${element.id}` : '') +
      (typeof element.className === 'string' && element.className ? `.${element.className.trim().split(/\s+/).join('.')}` : '');
    const reach = (thing) => thing.getBoundingClientRect().right;
    const textReach = (element) => {
      // A long word stands out of its box without making the box wider.
      const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== '');
      return Math.max(0, ...texts.map((text) => {
        const range = document.createRange();
        range.selectNodeContents(text);
        return reach(range);
      }));
    };
    const guilty = [...document.body.querySelectorAll('*')]
      .map((element) => ({ element, right: Math.max(reach(element), textReach(element)) }))
      .filter(({ element, right }) => right > wide + 1 && !framed(element));
    // The innermost and widest say most.
    const innermost = guilty
      .filter(({ element }) => !guilty.some((other) => other.element !== element && element.contains(other.element)))
      .sort((a, b) => b.right - a.right);
    return [document.scrollingElement.scrollWidth, ...innermost.slice(0, 5).map(({ element }) => name(element))];
  });
  if (before) await page.setViewportSize(before);
  if (found.length === 0) return [];
  const [width, ...elements] = found;
  return [`at 320 pixels the page is ${width} wide: ${elements.join(', ') || 'no single element'}`];
}

/** One h1, heading levels without gaps, and a title that contains the h1. */
export async function titlesAndHeadings(page) {
  const { title, lang, h1, levels } = await page.evaluate(() => {
    const words = (text) => text.replace(/\s+/g, ' ').trim();
    const bare = (heading) => {
      const copy = heading.cloneNode(true);
      copy.querySelectorAll('[class*="caption"], [class*="visually-hidden"]').forEach((extra) => extra.remove());
      return words(copy.textContent);
    };
    const shown = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter((h) => h.getClientRects().length > 0);
    return {
      title: words(document.title),
      lang: document.documentElement.lang,
      h1: shown.filter((h) => h.tagName === 'H1').map(bare),
      levels: shown.map((h) => [Number(h.tagName[1]), words(h.textContent).slice(0, 60)]),
    };
  });
  const wrong = [];
  if (title === '') wrong.push('the page has no title');
  if (!lang.startsWith('en-GB') && lang !== 'en') wrong.push(`the page's language is '${lang}', not en or en-GB`);
  if (h1.length !== 1) wrong.push(`the page has ${h1.length} h1 headings: ${h1.join(' | ')}`);
  if (h1.length === 1 && h1[0] === '') wrong.push('the h1 is empty');
  if (h1.length === 1 && h1[0] && !title.includes(h1[0])) wrong.push(`the title '${title}' does not contain the h1 '${h1[0]}'`);
  const first = levels.findIndex(([level]) => level === 1);
  let last = null;
  levels.slice(Math.max(first, 0)).forEach(([level, text]) => {
    if (last !== null && level > last + 1) wrong.push(`heading h${level} '${text}' follows an h${last}`);
    last = level;
  });
  return wrong;
}

/**
 * Everything that can be used is reached with Tab, in the order it is read, each shows that it has the focus, and the
 * focus is never caught. Long pages are followed for their first `limit` stops.
 */
export async function keyboardOnly(page, { limit = 60 } = {}) {
  const stops = await page.evaluate(markStops);
  const wrong = stops.positive.map((name) => `${name} has a tabindex above 0, which breaks the order`);
  const expected = stops.names.slice(0, limit);
  const reached = new Set();
  const order = [];
  let inner = 0;
  for (let press = 0; press < expected.length + 3; press += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(focusedStop);
    if (stop === null) break;
    if (stop.index === null) continue;
    if (stop.inner && order.at(-1) === stop.index && inner < 5) {
      // A date has a stop for its day, its month, its year and its calendar.
      inner += 1;
      press -= 1;
      continue;
    }
    inner = 0;
    if (reached.has(stop.index)) {
      if (order.at(-1) === stop.index) wrong.push(`the focus is caught at ${stops.names[stop.index]}`);
      break;
    }
    reached.add(stop.index);
    order.push(stop.index);
    if (!stop.shows) wrong.push(`${stops.names[stop.index]} does not show that it has the focus`);
    if (stop.hidden) wrong.push(`${stops.names[stop.index]} has the focus and is not on the screen`);
  }
  expected.forEach((name, index) => {
    if (!reached.has(index)) wrong.push(`${name} cannot be reached with Tab`);
  });
  if (order.some((stop, i) => i > 0 && stop < order[i - 1])) wrong.push('Tab does not follow the order of the page');
  await page.evaluate(() => document.activeElement?.blur());
  return wrong;
}

// Runs in the page: finds what Tab should reach and remembers how each looks without the focus.
function markStops() {
  const look = (element) => {
    const around = [element, element.parentElement, element.nextElementSibling].filter(Boolean);
    return around
      .flatMap((one) => [null, '::before', '::after'].map((part) => getComputedStyle(one, part)))
      .map((s) => [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.backgroundColor, s.color, s.borderTopWidth,
        s.borderTopColor, s.borderBottomWidth, s.borderBottomColor, s.textDecorationLine, s.textDecorationThickness, s.clip].join())
      .join(';');
  };
  const name = (element) => {
    const words = (element.getAttribute('aria-label') || element.labels?.[0]?.textContent || element.textContent || element.name || '')
      .replace(/\s+/g, ' ').trim().slice(0, 40);
    return `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ''} '${words}'`;
  };
  const usable = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex="-1"])',
  )].filter((element) => {
    if (element.disabled || element.tabIndex < 0 || element.closest('[inert]')) return false;
    const style = getComputedStyle(element);
    if (style.visibility === 'hidden' || element.getClientRects().length === 0) return false;
    const closed = element.closest('details:not([open])');
    if (closed && !(element.tagName === 'SUMMARY' && element.parentElement === closed)) return false;
    if (element.type === 'radio') {
      // Tab goes to a group once: to the chosen one, or the first.
      const group = [...document.querySelectorAll(`input[type=radio][name="${CSS.escape(element.name)}"]`)]
        .filter((other) => other.form === element.form && !other.disabled);
      return element === (group.find((other) => other.checked) ?? group[0]);
    }
    return true;
  });
  document.activeElement?.blur();
  window.kithStops = usable.map((element) => ({ element, look: look(element) }));
  window.kithLook = look;
  // Tab begins where the page begins, also where the page moved the focus on its own (to an error summary).
  const start = document.createElement('span');
  start.tabIndex = -1;
  document.body.prepend(start);
  start.focus();
  start.remove();
  window.scrollTo(0, 0);
  return { names: usable.map(name), positive: usable.filter((element) => element.tabIndex > 0).map(name) };
}

// Runs in the page: which stop has the focus now, and whether one can see it. `null`: the focus has left the page.
function focusedStop() {
  const element = document.activeElement;
  if (!element || element === document.body || element === document.documentElement) return null;
  const index = window.kithStops.findIndex((stop) => stop.element === element);
  if (index < 0) return { index: null };
  const box = element.getBoundingClientRect();
  return {
    index,
    inner: ['date', 'time', 'datetime-local', 'month', 'week'].includes(element.type),
    shows: window.kithLook(element) !== window.kithStops[index].look,
    hidden: box.bottom <= 0 || box.right <= 0 || box.top >= innerHeight || box.left >= innerWidth,
  };
}

/** Nothing that moves on without being asked, and no words left over from a template. */
export async function leftovers(page) {
  const { text, refresh } = await page.evaluate(() => ({
    text: document.body.innerText,
    refresh: document.querySelector('meta[http-equiv="refresh" i]') !== null,
  }));
  const wrong = refresh ? ['the page reloads itself'] : [];
  for (const mark of ['{{', '}}', '{%', 'undefined', 'NaN', '[object Object]', 'Some(', 'None)', '&amp;', '&lt;', '&#']) {
    if (text.includes(mark)) wrong.push(`the page shows '${mark}': ${text.slice(Math.max(0, text.indexOf(mark) - 30)).slice(0, 70).replace(/\s+/g, ' ')}`);
  }
  return wrong;
}

/** All of them on the page as it stands. */
export async function everything(page, { javaScript = true } = {}) {
  const wrong = [...(await titlesAndHeadings(page)), ...(await leftovers(page)), ...(await at320(page))];
  if (javaScript) wrong.push(...(await axe(page)));
  wrong.push(...(await keyboardOnly(page)));
  return wrong;
}

/** Fails with every sentence of `wrong` on a line of its own. */
export function mustBeRight(wrong, where = '') {
  if (wrong.length > 0) throw new Error(`${where}\n  ${[...new Set(wrong)].join('\n  ')}`);
}
