// Walks the pages a visitor can reach by links and checks each kind of page once.
import { everything } from './checks.js';
import { keep, withPage } from './browser.js';
import { identities, signInAs } from './signin.js';

/** Links that end the visit or leave the pages. */
const NOT_A_PAGE = /(sign-?(in|out)|log-?out|\.(png|jpe?g|svg|webp|pdf|ics|csv|json|css|js|woff2?)$|^\/(fhir|metrics|healthz|readyz|assets)\b)/i;

/** `/team/person/:id?tab`: an address without what differs from one person or booking to the next. */
export function shapeOf(address) {
  const url = new URL(address, 'http://kith.invalid');
  const path = url.pathname
    .split('/')
    .map((part) => (isIdentifier(part) ? ':id' : part))
    .join('/');
  const asked = [...new Set(url.searchParams.keys())].sort().join('&');
  return asked ? `${path}?${asked}` : path;
}

function isIdentifier(part) {
  // A long part with digits in it (a UUID, an NHS number, a token) or a date; pathway names are words.
  return /^\d+$/.test(part) || /^\d{4}-\d{2}-\d{2}/.test(part) || (part.length >= 8 && /\d.*\d/.test(part) && !/^[a-z-]+\d?$/.test(part));
}

/**
 * Visits `startPaths` and every page of the same site that they lead to, up to `limit` pages and `perShape` of each
 * shape, and runs every check on each. `seen` counts shapes over several walks; `skip` matches paths to leave out.
 * Answers `{ visited: [address], wrong: [sentence] }`.
 */
export async function everyPage(page, startPaths, { limit = 80, perShape = 1, javaScript = true, check = everything, seen = new Map(), skip = /^$/ } = {}) {
  const noise = [];
  const onConsole = (message) => {
    if (message.type() === 'error') noise.push(`console: ${message.text()}`);
  };
  const onError = (error) => noise.push(`script: ${error.message}`);
  page.on('console', onConsole);
  page.on('pageerror', onError);

  const asked = new Set();
  const queue = [...startPaths];
  const visited = [];
  const wrong = [];
  while (queue.length > 0 && visited.length < limit) {
    const address = queue.shift();
    if (asked.has(address)) continue;
    asked.add(address);
    const shape = shapeOf(address);
    if ((seen.get(shape) ?? 0) >= perShape) continue;
    seen.set(shape, (seen.get(shape) ?? 0) + 1);
    noise.length = 0;
    const answer = await open(page, address);
    visited.push(address);
    // A letter or photo to keep is no page; that it is given at all is what can be checked of it.
    if (answer === 'a file to keep') continue;
    const found = [];
    if (answer.status() >= 400) found.push(`answers ${answer.status()}`);
    if ((answer.headers()['content-type'] ?? '').startsWith('text/html')) {
      found.push(...(await check(page, { javaScript })));
      const links = await page.evaluate(() => [...document.querySelectorAll('a[href]')].map((a) => a.getAttribute('href')));
      const here = new URL(page.url());
      for (const link of links) {
        let to;
        try {
          to = new URL(link, here);
        } catch {
          found.push(`a link leads to '${link}', which is no address`);
          continue;
        }
        if (to.origin === here.origin && !NOT_A_PAGE.test(to.pathname) && !skip.test(to.pathname)) queue.push(to.pathname + to.search);
      }
    }
    found.push(...noise);
    if (found.length > 0) {
      const picture = await keep(page);
      wrong.push(...[...new Set(found)].map((what) => `${address}: ${what}`), picture.trim());
    }
  }
  page.off('console', onConsole);
  page.off('pageerror', onError);
  return { visited, wrong };
}

/**
 * Signs in as each identity of the demo (those that `pick` accepts) and walks every page they can reach, from the page
 * they land on and from `start`. Answers `[{ who, visited, wrong }]`; what one identity's walk finds is its own.
 */
export async function everyIdentity(browser, { baseURL, javaScript = true, pick = () => true, start = [], ...options }) {
  const everyone = await withPage(browser, { baseURL, javaScript }, identities);
  const walks = [];
  for (const who of everyone.filter(pick)) {
    walks.push(await withPage(browser, { baseURL, javaScript }, async (page) => {
      const landing = await signInAs(page, who);
      return { who, ...(await everyPage(page, [landing, ...start], { javaScript, ...options })) };
    }));
  }
  return walks;
}

/** Goes to an address; says so where it gives a file to keep instead of a page. */
async function open(page, address) {
  try {
    return await page.goto(address, { waitUntil: 'load' });
  } catch (error) {
    if (/Download is starting/.test(error.message)) return 'a file to keep';
    throw error;
  }
}
