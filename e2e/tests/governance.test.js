// The privacy officer asks about an access, the member of staff answers, both see how it ends; a person takes a copy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everything, mustBeRight } from '../lib/checks.js';
import { patient, text } from '../lib/team.js';
import { neighbourhood } from '../lib/world.js';

const place = neighbourhood();
const OFFICER = /privacy officer/i;

test('an access without a relationship is asked about, answered and closed', async () => {
  const other = await patient(place, 'Patricia Radcliffe');
  const check = async (page) => mustBeRight(await everything(page), page.url());
  await place.as(/Optometrist/i, async (page) => {
    assert.equal((await page.request.get(`/team/people/${other.id}`)).status(), 404, 'a record without a relationship is not there');
  });
  await place.as(OFFICER, async (page, landing) => {
    assert.equal(landing, '/governance');
    assert.match(await text(page), /Tried, and was refused/);
    await check(page);
    await page.getByRole('button', { name: /^Ask why/ }).first().click();
    assert.match(await text(page), /was asked/);
    await page.goto('/governance/questions');
    await check(page);
    await page.goto('/governance/audit');
    await page.getByLabel('What they did').selectOption('refused');
    await page.getByRole('button', { name: 'Search', exact: true }).click();
    assert.match(await text(page), /Was refused/);
    await check(page);
  });
  await place.as(/Optometrist/i, async (page) => {
    await page.goto('/team');
    await page.getByRole('link', { name: /The privacy officer asks you/ }).click();
    await check(page);
    assert.doesNotMatch(await text(page), /Radcliffe/, 'who was refused learns no name');
    await page.getByLabel('Why did you try?').fill('She stood at my desk; I typed the wrong number.');
    await page.getByRole('button', { name: 'Send the answer' }).click();
    assert.match(await text(page), /Your answer is with the privacy officer/);
    await check(page);
  });
  await place.as(OFFICER, async (page) => {
    await page.goto('/governance/questions');
    assert.match(await text(page), /She stood at my desk/);
    await check(page);
    await page.getByRole('button', { name: /There was a good reason/ }).click();
    assert.match(await text(page), /Closed/);
  });
  await place.as(/Optometrist/i, async (page) => {
    await page.goto('/team/questions');
    assert.match(await text(page), /There was a good reason/);
  });
});

test('a person gets a copy of their record', () =>
  place.as('Patricia Radcliffe', async (page) => {
    await page.goto('/record');
    await page.getByRole('link', { name: 'get a copy' }).click();
    mustBeRight(await everything(page), page.url());
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Get the copy' }).click()]);
    assert.equal(download.suggestedFilename(), 'my-record.zip');
    await page.goto('/who-looked');
    assert.match(await text(page), /copy/i);
  }));
