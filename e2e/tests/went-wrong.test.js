// What went wrong: told from the foot of a page, looked into by the safety officer, answered to whoever told it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everything, mustBeRight } from '../lib/checks.js';
import { text } from '../lib/team.js';
import { neighbourhood } from '../lib/world.js';

const place = neighbourhood();
const check = async (page, options) => mustBeRight(await everything(page, options), page.url());

for (const javaScript of [true, false]) {
  test(`what went wrong is told, looked into and answered${javaScript ? '' : ' without JavaScript'}`, async () => {
    const what = `The page asked about fever twice${javaScript ? '' : ' again'}`;
    const options = { javaScript };
    await place.as('Leah Marsden', async (page) => {
      await page.goto('/help/sore-throat');
      await page.getByRole('link', { name: 'Something went wrong? Tell us' }).click();
      assert.equal(await page.locator('h1').innerText(), 'Tell us what went wrong');
      await check(page, options);
      await page.getByRole('button', { name: 'Send' }).click();
      assert.match(await page.title(), /^Error: /);
      await check(page, options);
      await page.getByLabel('What happened?').fill(what);
      await page.getByLabel('Somebody could have been hurt').check();
      await page.getByLabel('A person with signs of an emergency is sent to routine care').check();
      await page.getByRole('button', { name: 'Send' }).click();
      assert.match(await text(page), /Your report is number LE-/);
      assert.match(await text(page), /Waiting to be looked at/);
      await check(page, options);
    }, options);
    await place.as('Safety officer', async (page, landing) => {
      assert.match(landing ?? page.url(), /\/team\/learning/);
      await check(page, options);
      assert.doesNotMatch(await text(page), /Marsden/);
      await page.getByRole('row').filter({ hasText: what }).last().getByRole('link').first().click();
      await check(page, options);
      assert.match(await text(page), /sore-throat@/);
      await page.getByRole('button', { name: /Look into this/ }).click();
      await page.getByRole('button', { name: 'Close this report' }).click();
      assert.match(await page.title(), /^Error: /);
      await check(page, options);
      await page.getByLabel('Something was changed').check();
      await page.getByLabel('What came of it?').fill('It asks once now.');
      await page.getByRole('button', { name: 'Close this report' }).click();
      await check(page, options);
    }, options);
    await place.as('Leah Marsden', async (page) => {
      await page.goto('/went-wrong/reports');
      assert.match(await text(page), /It asks once now\./);
      await check(page, options);
    }, options);
  });
}
