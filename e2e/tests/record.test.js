// The record, as teams and the person see it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SORE_THROAT, answerAll, begin, chooseATime } from '../lib/journey.js';
import { identify, openRecord, patient, saysOfThemselves, text, writeVisit } from '../lib/team.js';
import { neighbourhood } from '../lib/world.js';

const GP = 'Dr Blessing Owusu';
const PHARMACIST = 'Mr Roger Kirby';
const PERSON = 'Patricia Radcliffe';
const NEED = 'Large print letters please';

let person;
const place = neighbourhood({ prepare: async (place) => {
  person = await patient(place, PERSON);
  await place.fhir('AllergyIntolerance', {
    method: 'POST',
    resource: {
      resourceType: 'AllergyIntolerance',
      patient: { reference: `Patient/${person.id}` },
      clinicalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical', code: 'active' }] },
      verificationStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/allergyintolerance-verification', code: 'confirmed' }] },
      code: { coding: [{ system: 'http://snomed.info/sct', code: '764146007', display: 'Penicillin' }], text: 'Penicillin' },
    },
  });
  await place.as(PERSON, async (page) => {
    await page.goto('/details/change');
    await page.getByLabel('Anything else you need').fill(NEED);
    await page.getByRole('button', { name: 'Save' }).click();
    assert.match(await text(page), new RegExp(NEED));
  });
} });

/** Every page that lies under the record and can be reached from it. */
async function pagesOf(page, record) {
  const found = new Set([record]);
  for (const path of found) {
    await page.goto(path);
    const links = await page.locator('main a[href]').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
    for (const link of links) {
      const path = link.split(/[?#]/)[0];
      const shape = (one) => one.replace(/[0-9a-f-]{20,}/g, ':id').replace(/\/results\/[^/]+/, '/results/:key');
      if (path.startsWith(`${record}/`) && !/\/(help|image)(\/|$)/.test(path) && ![...found].some((one) => shape(one) === shape(path))) found.add(path);
    }
  }
  return [...found];
}

test('the banner shows allergies and access needs on every page of the record', () =>
  place.as(GP, async (page) => {
    const record = await openRecord(page, PERSON);
    const pages = await pagesOf(page, record);
    for (const needed of ['', '/timeline', '/results', '/documents', '/care', '/messages', '/visit', '/refer', '/book']) {
      assert.ok(pages.includes(record + needed), `${needed} is not reached from the record: ${pages.join(' ')}`);
    }
    for (const path of pages) {
      await page.goto(path);
      const banner = await page.getByRole('region', { name: 'Person' }).innerText();
      assert.match(banner, /Allergies\s+Penicillin/, path);
      assert.match(banner, new RegExp(NEED), path);
    }
  }));

test('every page of a record names the person it is about', () =>
  place.as(GP, async (page) => {
    const record = await openRecord(page, PERSON);
    // The neighbourhood is made of ages, so the date of birth follows the day it was made on.
    const [born] = (await page.getByRole('region', { name: 'Person' }).innerText()).match(/Born\s+\d+ \p{L}+ \d{4} \(\d+ years\)/u);
    for (const path of await pagesOf(page, record)) {
      await page.goto(path);
      const banner = await page.getByRole('region', { name: 'Person' }).innerText();
      assert.ok(banner.includes(PERSON), `${path} does not name the person`);
      assert.ok(banner.includes(born), `${path} does not say ${born}: ${banner}`);
      for (const form of await page.locator('main form[method=post]').evaluateAll((all) => all.map((f) => f.getAttribute('action')))) {
        assert.ok(form.startsWith(`${record}/`) || form.startsWith('/team/work/'), `${path} has a form that does not name whom it acts for: ${form}`);
      }
    }
    // Two tabs on two people: what is sent from the first is about the first.
    await page.goto(`${record}/messages/new`);
    const other = await page.context().newPage();
    const wrong = await openRecord(other, 'Leah Marsden');
    await page.getByLabel('What it is about').fill('Your blood test');
    await page.getByLabel('Message', { exact: true }).fill('Please come for a blood test, from the first tab.');
    await page.getByRole('button', { name: /Send/ }).click();
    await page.goto(`${record}/messages`);
    assert.match(await text(page), /Your blood test/);
    await other.goto(`${wrong}/messages`);
    assert.doesNotMatch(await text(other), /Your blood test/);
  }));

test('the timeline shows what every organisation wrote and who wrote it', async () => {
  const name = 'Leah Marsden';
  await place.as(name, async (page) => {
    await begin(page, 'Sore throat');
    await answerAll(page, SORE_THROAT);
    await chooseATime(page, undefined, 'Weir Lane Pharmacy');
    await page.getByRole('button', { name: 'Book it' }).click();
  });
  const { id } = await patient(place, name);
  const visits = [
    { who: GP, organisation: 'Millrace Surgery', reason: 'Tired for weeks', note: 'Pale. Bloods taken by the practice.' },
    { who: PHARMACIST, organisation: 'Weir Lane Pharmacy', reason: 'Sore throat', note: 'Seen at the pharmacy, tonsils red.' },
  ];
  for (const { who, reason, note } of visits) {
    await place.as(who, (page) => writeVisit(page, `/team/people/${id}`, { reason, note, outcome: 'Drink enough. Come back in a week if it is no better.' }));
  }
  const shows = async (page) => {
    for (const { who, organisation, note } of visits) {
      const said = (await page.getByRole('listitem').filter({ hasText: note }).first().innerText()).replace(/\s+/g, ' ');
      assert.ok(said.includes(who) && said.includes(organisation), `'${said}' does not name ${who}, ${organisation}`);
    }
  };
  for (const who of [GP, PHARMACIST]) {
    await place.as(who, async (page) => {
      await page.goto(`/team/people/${id}/timeline`);
      await shows(page);
    });
  }
  await place.as(name, async (page) => {
    await page.goto('/record/timeline');
    await shows(page);
  });
});

test('a person sees who looked at their record and why', async () => {
  const person = await patient(place, 'Gemma Holt');
  await place.as(GP, (page) => openRecord(page, 'Gemma Holt'));
  await place.as(PHARMACIST, (page) => identify(page, saysOfThemselves(person)));
  await place.as('Dr Dorothy Carter', async (page) => {
    const answer = await page.goto(`/team/people/${person.id}`);
    assert.ok([403, 404].includes(answer.status()), 'a dentist without a reason is refused');
    assert.doesNotMatch(await text(page), /Gemma|Holt/);
  });
  await place.as('Gemma Holt', async (page) => {
    await page.goto('/who-looked');
    const looked = async (name) => (await page.getByRole('listitem').filter({ hasText: name }).first().innerText()).replace(/\s+/g, ' ');
    const now = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/London', day: 'numeric', month: 'long', year: 'numeric' }).format(new Date());
    for (const [name, where] of [['Blessing Owusu', 'Millrace Surgery'], ['Roger Kirby', 'Weir Lane Pharmacy'], ['Dorothy Carter', 'Bell Yard Dental']]) {
      const said = await looked(name);
      assert.ok(said.includes(where) && said.includes(now) && /Why: \w+/.test(said), `from where, when and why: ${said}`);
    }
    assert.match(await looked('Dorothy Carter'), /Refused/);
    assert.doesNotMatch(await looked('Blessing Owusu'), /Refused/);
  });
});
