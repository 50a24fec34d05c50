// What staff do with somebody's record.
import assert from 'node:assert/strict';

/** Finds a person of the team by name; answers the address of their record, which is then open. */
export async function openRecord(page, name) {
  await page.goto('/team/people');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('search').getByRole('button', { name: 'Search' }).click();
  await page.getByRole('main').getByRole('link', { name, exact: true }).first().click();
  return new URL(page.url()).pathname;
}

/** Opens the record of somebody who is here, by what they say of themselves. */
export async function identify(page, { nhsNumber, born }) {
  const [year, month, day] = born.split('-').map(Number);
  await page.goto('/team/people');
  const form = page.locator('form[action="/team/people/identify"]');
  await form.getByLabel('NHS number').fill(nhsNumber);
  for (const [label, value] of [['Day', day], ['Month', month], ['Year', year]]) await form.getByLabel(label, { exact: true }).fill(String(value));
  await form.getByRole('button').click();
  assert.match(page.url(), /\/team\/people\/[^/]+$/, `the record of the person who is here opens: ${await page.locator('main').innerText()}`);
  return new URL(page.url()).pathname;
}

/** Writes down a visit in the record at `record`. */
export async function writeVisit(page, record, { reason, note, outcome }) {
  await page.goto(`${record}/visit`);
  await page.getByLabel('In person').check();
  await page.getByLabel('Why they came').fill(reason);
  await page.getByLabel('What you found and thought').fill(note);
  await page.getByLabel('For the person, in plain words').fill(outcome);
  await page.getByRole('button', { name: 'Save and tell them' }).click();
  assert.doesNotMatch(page.url(), /\/visit$/, `the visit is saved: ${await page.locator('main').innerText()}`);
}

/** The person of the neighbourhood called `name`, as FHIR. */
export async function patient(place, name) {
  const [given, family] = name.split(' ');
  const { entry = [] } = await place.fhir(`Patient?given=${given}&family=${family}`);
  assert.equal(entry.length, 1, `one ${name} lives here`);
  return entry[0].resource;
}

/** The NHS number and date of birth that a person says at the desk. */
export const saysOfThemselves = (resource) => ({
  nhsNumber: resource.identifier.find((one) => /nhs-number/.test(one.system)).value,
  born: resource.birthDate,
});

/** The page's text, spaces evened out. */
export const text = async (page) => (await page.locator('body').innerText()).replace(/\s+/g, ' ');
