// The way from "what is wrong?" to a booking, as a person goes it.
import assert from 'node:assert/strict';

const words = (text) => text.replace(/\s+/g, ' ').trim();

/** The page's h1. */
export const heading = async (page) => words(await page.locator('h1').innerText());

/** Begins the questions of a pathway from the list of problems. */
export async function begin(page, problem) {
  await page.goto('/help');
  await page.getByRole('main').getByRole('link', { name: problem, exact: true }).click();
  await page.getByRole('button', { name: /^Start/ }).click();
}

/**
 * Answers questions until they end. `answers` names them by how the question begins: the label or labels to choose,
 * the text or number to type, or the file to add. The others are answered "None of these" or "No", or else with their
 * first choice, or passed over. Calls `each(page)` on every question.
 */
export async function answerAll(page, answers = {}, each = async () => {}) {
  const asked = [];
  for (let step = 0; step < 40 && /\/question\//.test(page.url()); step += 1) {
    const question = await heading(page);
    assert.ok(!asked.includes(question), `'${question}' is asked again: ${await errors(page)}`);
    asked.push(question);
    await each(page);
    const wanted = Object.entries(answers).find(([start]) => question.startsWith(start))?.[1];
    await answer(page, wanted);
  }
  assert.doesNotMatch(page.url(), /\/question\//, 'the questions end');
  return asked;
}

/** Answers the question on the page and goes on. */
export async function answer(page, wanted) {
  const main = page.getByRole('main');
  const options = main.locator('input[name=answer]:is([type=radio], [type=checkbox])');
  if ((await options.count()) > 0) {
    const labels = (await options.evaluateAll((all) => all.map((one) => one.labels[0].innerText))).map(words);
    const usual = Math.max(labels.indexOf('None of these'), labels.indexOf('No'), 0);
    for (const want of [wanted].flat()) {
      const chosen = want === undefined ? usual : labels.findIndex((label) => label.startsWith(want));
      assert.ok(chosen >= 0, `no answer '${want}' among: ${labels.join(' | ')}`);
      await options.nth(chosen).check();
    }
  } else if ((await main.locator('input[type=file]').count()) > 0) {
    if (wanted !== undefined) await main.locator('input[type=file]').setInputFiles(wanted);
  } else if (wanted !== undefined) {
    await main.locator('[name=answer]').fill(String(wanted));
  }
  await main.getByRole('button', { name: 'Continue' }).click();
}

const errors = async (page) => (await page.locator('.nhsuk-error-summary').allInnerTexts()).map(words).join(' ');

/** From "check your answers" to the page that asks to confirm: the first free time of the first place, or of `at`. */
export async function chooseATime(page, each = async () => {}, at = '') {
  await each(page);
  await page.getByRole('button', { name: 'See who can help' }).click();
  await each(page);
  const place = page.locator('main a[href*="/times/"]').filter({ hasText: at }).first();
  assert.ok((await place.count()) > 0, `${at || 'somebody'} is offered: ${words(await page.getByRole('main').innerText())}`);
  if (!(await place.isVisible())) await page.locator('details', { has: page.locator('a[href*="/times/"]') }).locator('summary').click();
  await place.click();
  await each(page);
  await page.locator('input[name=slot]').first().check();
  await page.getByRole('button', { name: 'Continue' }).click();
  await each(page);
}

/** The person's appointments that are still to come: the words of each. */
export async function appointments(page) {
  await page.goto('/care');
  return (await page.locator('main li:has(a[href^="/care/appointments/"])').allInnerTexts()).map(words);
}

/** Answers that lead to a pharmacist for a sore throat. */
export const SORE_THROAT = { 'How many days': '2', 'Which of these do you have': 'A fever' };
