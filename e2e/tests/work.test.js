// The work of a team: what is late comes first, and nobody overwrites anybody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patient, text } from '../lib/team.js';
import { neighbourhood } from '../lib/world.js';

const place = neighbourhood({ prepare: async () => {
  await work('Ring about the urgent letter', 3, 'urgent');
  await work('Ring about the late form', -26);
  await work('Ring about the later form', -2);
} });
const GP = 'Dr Blessing Owusu';
const NURSE = 'Ms Julie Hargreaves';

/** Work for the practice of the GP and the nurse, due `hours` from now. */
async function work(description, hours, priority = 'routine') {
  const person = await patient(place, 'Leah Marsden');
  const practice = person.generalPractitioner.find((one) => one.reference.startsWith('Organization/')).reference;
  const { entry } = await place.fhir(`HealthcareService?organization=${practice}`);
  const at = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
  return place.fhir('Task', {
    method: 'POST',
    resource: {
      resourceType: 'Task', status: 'requested', intent: 'order', priority, description,
      code: { coding: [{ system: 'https://fhir.kith.example/CodeSystem/task-kind', code: 'callback' }] },
      for: { reference: `Patient/${person.id}` },
      owner: { reference: `HealthcareService/${entry[0].resource.id}` },
      authoredOn: at(-48), lastModified: at(-48),
      restriction: { period: { end: at(hours) } },
    },
  });
}

test('overdue work is shown first on the worklist', () =>
  place.as(GP, async (page) => {
    await page.goto('/team');
    const rows = (await page.locator('table tbody').getByRole('row').allInnerTexts()).map((row) => row.replace(/\s+/g, ' '));
    const late = rows.map((row) => /overdue/i.test(row));
    const [longest, shortest] = ['late form', 'later form'].map((words) => rows.findIndex((row) => row.includes(words)));
    assert.ok(longest >= 0 && longest < shortest, `the longest overdue first: ${rows.join(' | ')}`);
    assert.ok(late[longest] && late[shortest] && !late.slice(late.lastIndexOf(true) + 1).includes(true) && late.lastIndexOf(true) === late.filter(Boolean).length - 1,
      `what is overdue stands before all else and says so: ${rows.join('\n')}`);
    await page.getByRole('link', { name: /^Overdue \d+/ }).click();
    const only = await page.locator('table tbody').getByRole('row').allInnerTexts();
    assert.equal(only.length, late.filter(Boolean).length);
  }));

test('a stale form changes nothing and keeps what was typed', async () => {
  const { id } = await work('Ring about the inhaler', 5);
  const typed = 'I rang, and Leah will fetch the inhaler tomorrow.';
  await place.as(GP, async (page) => {
    await page.goto(`/team/work/${id}/complete`);
    await page.getByRole('textbox').first().fill(typed);
    // Meanwhile a colleague takes it.
    await place.as(NURSE, async (other) => {
      await other.goto(`/team/work/${id}`);
      await other.getByRole('button', { name: /^Take/ }).first().click();
      assert.match(await text(other), /Taken by You/);
    });
    await page.getByRole('button', { name: /complete|done|close|save/i }).first().click();
    assert.equal(await page.getByRole('textbox').first().inputValue(), typed, 'what was typed is still there');
    assert.match(await page.locator('.nhsuk-error-summary').innerText(), /Julie Hargreaves/, 'the page says who has it');
    await page.goto(`/team/work/${id}`);
    assert.doesNotMatch(await text(page), new RegExp(typed), 'nothing was changed');
    assert.match(await text(page), /Taken by Ms Julie Hargreaves/);
  });
});

test('a form sent after the session ended changes nothing, says so, and the words are still there after signing in', () =>
  place.as('Leah Marsden', async (page) => {
    const typed = 'Can I still have my inhaler this week?';
    await page.goto('/care/messages/new');
    await page.getByRole('textbox').first().fill('Inhaler');
    await page.getByRole('textbox').last().fill(typed);
    await page.context().clearCookies();
    await page.getByRole('button', { name: /Send/ }).click();
    assert.match(await text(page), /Sign in to continue.*not done/, 'the page says what became of it');
    const tab = await page.context().newPage();
    await tab.goto('/care/messages');
    assert.match(tab.url(), /\/sign-in\?next=/);
    await tab.getByLabel('Leah Marsden').check();
    await tab.getByRole('button', { name: 'Sign in', exact: true }).click();
    assert.match(tab.url(), /\/care\/messages$/, 'signing in leads back to where one was going');
    assert.doesNotMatch(await text(tab), /Inhaler/, 'nothing was sent');
    await page.goBack();
    assert.equal(await page.getByRole('textbox').last().inputValue(), typed, 'what was typed is still there');
    await page.getByRole('button', { name: /Send/ }).click();
    await page.goto('/care/messages');
    assert.match(await text(page), /Inhaler/, 'and can now be sent');
  }));
