// Every page of everybody: by keyboard, on a narrow screen, for axe, with and without JavaScript.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, everything, mustBeRight, titlesAndHeadings } from '../lib/checks.js';
import { everyIdentity, everyPage } from '../lib/crawl.js';
import { answerAll, begin, chooseATime, SORE_THROAT } from '../lib/journey.js';
import { neighbourhood } from '../lib/world.js';

const place = neighbourhood();
const skip = /^\/gallery/;

/** Walks everybody that `pick` accepts; each kind of page is checked `perShape` times among them. */
async function walk(pick, { perShape, javaScript = true }) {
  const walks = await everyIdentity(place.browser, {
    baseURL: place.url, javaScript, perShape, seen: new Map(), skip, pick: (line) => pick.test(line),
  });
  mustBeRight(walks.flatMap(({ who, wrong }) => wrong.map((what) => `${who.split(':')[0]} ${what}`)));
  return new Set(walks.flatMap(({ visited }) => visited.map((path) => path.split('?')[0])));
}

// The person with the longest record comes first, for their pages hold most; then somebody who acts for another.
const PEOPLE = /Patricia Radcliffe|Claire Whitaker/;
const STAFF = /Blessing Owusu|Sinead Gallagher|Roger Kirby|Privacy officer|Manager/;

test('every page of people is right', async () => {
  const visited = await walk(PEOPLE, { perShape: 2 });
  for (const path of ['/', '/help', '/care', '/record', '/who-looked', '/details', '/acting']) assert.ok(visited.has(path), `${path} is reached by links`);
});

test('every page of staff is right', async () => {
  const visited = await walk(STAFF, { perShape: 1 });
  for (const path of ['/team', '/team/people', '/team/day']) assert.ok(visited.has(path), `${path} is reached by links`);
  assert.ok([...visited].some((path) => /^\/team\/people\/[0-9a-f-]+$/.test(path)), 'a record is reached by links');
});

test('every page is right without JavaScript', async () => {
  await walk(/Patricia Radcliffe/, { perShape: 1, javaScript: false });
  await walk(/Blessing Owusu/, { perShape: 1, javaScript: false });
});

for (const javaScript of [true, false]) {
  test(`every page on the way to a booking is right${javaScript ? '' : ' without JavaScript'}`, () =>
    place.as('Leah Marsden', async (page) => {
      const check = async () => mustBeRight(await everything(page, { javaScript }), page.url());
      await begin(page, 'Sore throat');
      // Passed over without an answer: the page says what to do, and is as right.
      await page.getByRole('button', { name: 'Continue' }).click();
      assert.match(await page.title(), /^Error: /);
      await check();
      await answerAll(page, SORE_THROAT, check);
      await chooseATime(page, check);
      await page.getByRole('button', { name: 'Book it' }).click();
      await check();
    }, { javaScript }));
}

test('everybody of the demo can sign in and lands on a page that is right', async () => {
  const check = async (page) => [...(await titlesAndHeadings(page)), ...(await axe(page))];
  const walks = await everyIdentity(place.browser, { baseURL: place.url, limit: 1, check });
  assert.ok(walks.length >= 25, `${walks.length} identities`);
  mustBeRight(walks.flatMap(({ who, wrong }) => wrong.map((what) => `${who.split(':')[0]} ${what}`)));
});

test('every page that needs no sign-in is right', () =>
  place.stranger(async (page) => {
    const { visited, wrong } = await everyPage(page, ['/sign-in', '/accessibility', '/privacy', '/gallery'], { limit: 20, skip: /^\/gallery\/./ });
    assert.ok(visited.length >= 4, visited.join(' '));
    mustBeRight(wrong);
  }));
