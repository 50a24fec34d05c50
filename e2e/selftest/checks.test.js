// The checks themselves: each planted fault is caught, and a good page passes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, withPage } from '../lib/browser.js';
import { at320, axe, everything, keyboardOnly, leftovers, titlesAndHeadings } from '../lib/checks.js';
import { everyIdentity, everyPage, shapeOf } from '../lib/crawl.js';
import { signInAs } from '../lib/signin.js';
import { startSite } from './site.js';

let browser;
let site;
before(async () => {
  [browser, site] = await Promise.all([launch(), startSite()]);
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

const on = (path, check, options = {}) =>
  withPage(browser, { baseURL: site.url, ...options }, async (page) => {
    await page.goto(path);
    return check(page, { javaScript: options.javaScript ?? true });
  });
const says = (wrong, pattern) => assert.ok(wrong.some((what) => pattern.test(what)), `expected ${pattern} in:\n${wrong.join('\n')}`);

test('a good page passes every check, with JavaScript and without', async () => {
  assert.deepEqual(await on('/good', everything), []);
  assert.deepEqual(await on('/good', everything, { javaScript: false }), []);
});

test('a field without a label is caught', async () => says(await on('/label', axe), /axe label/));
test('pale text is caught', async () => says(await on('/contrast', axe), /axe color-contrast/));

test('a page wider than a narrow screen is caught, and the element named', async () => {
  says(await on('/wide', at320), /div#band/);
  says(await on('/word', at320), /: h1$/);
  assert.deepEqual(await on('/frame', at320), [], 'a table may scroll in its own frame');
});

test('two h1 headings are caught', async () => says(await on('/two', titlesAndHeadings), /2 h1/));
test('a gap between heading levels is caught', async () => says(await on('/gap', titlesAndHeadings), /h3 'Too deep' follows an h1/));
test('a title that does not say what the page is, is caught', async () => says(await on('/title', titlesAndHeadings), /does not contain/));

test('a control that Tab cannot hold is caught', async () => says(await on('/lost', keyboardOnly), /#third 'Three' cannot be reached/));
test('a page that moves the focus to its error summary is still followed from the top', async () =>
  assert.deepEqual(await on('/summary', keyboardOnly), []));
test('a keyboard trap is caught', async () => says(await on('/trap', keyboardOnly), /caught at button#trap/));
test('a focus that cannot be seen is caught', async () => says(await on('/dark', keyboardOnly), /does not show/));
test('a forced order of Tab is caught', async () => says(await on('/order', keyboardOnly), /tabindex above 0/));
test('words of a template left on the page are caught', async () => says(await on('/template', leftovers), /'\{\{'/));

test('the crawler walks links of the site, once for each kind of page, and reports what it finds', async () => {
  const { visited, wrong } = await on('/', (page) => everyPage(page, ['/']));
  assert.deepEqual(visited, ['/', '/good', '/item/12345', '/wide']);
  assert.ok(!site.asked.includes('/sign-out'), 'the crawler signed out');
  assert.ok(wrong.length > 0 && wrong.filter((what) => what.startsWith('/')).every((what) => what.startsWith('/wide: ')), wrong.join('\n'));
});

test('the crawler reports pages that answer with an error and scripts or pictures that fail', async () => {
  says((await on('/', (page) => everyPage(page, ['/nowhere']))).wrong, /answers 404/);
  says((await on('/', (page) => everyPage(page, ['/noise']))).wrong, /console: .*404/);
});

test('every identity is signed in as, and each walks their own pages', async () => {
  for (const javaScript of [true, false]) {
    const [ada, ben, ...others] = await everyIdentity(browser, { baseURL: site.url, javaScript });
    assert.deepEqual([ada.who, ada.visited, ada.wrong], ['Ada: a person', ['/home/1', '/frame'], []]);
    assert.deepEqual([ben.who, ben.visited], ['Ben: a pharmacist', ['/home/2', '/two']]);
    says(ben.wrong, /^\/two: the page has 2 h1/);
    assert.deepEqual(others, []);
  }
});

test('signing in as somebody who is not there is an error that says so', () =>
  withPage(browser, { baseURL: site.url }, (page) => assert.rejects(signInAs(page, 'Zoe'), /nobody on \/sign-in is called Zoe/)));

test('addresses that differ only by person, day or question asked have one shape', () => {
  assert.equal(shapeOf('/team/person/0193b2c4-77aa-7000-8000-000000000001?tab=results'), '/team/person/:id?tab');
  assert.equal(shapeOf('/days/2026-11-20'), '/days/:id');
  assert.equal(shapeOf('/help/sore-throat/how-long'), '/help/sore-throat/how-long');
  assert.equal(shapeOf('/person/9990000018'), '/person/:id');
});
