// The demo's page for choosing who to be.
import assert from 'node:assert/strict';

/** Where the demo lets a visitor choose an identity. The page exists in demo mode alone. */
export const CHOOSE = '/sign-in';

/** Everybody the page offers, as one line each: their name and what is said about them. */
export async function identities(page) {
  await page.goto(CHOOSE);
  return page.evaluate(() =>
    [...document.querySelectorAll('main form input[name=identity]')].map((input) =>
      [input.labels[0]?.textContent, document.getElementById(input.getAttribute('aria-describedby') ?? '')?.textContent]
        .filter(Boolean).map((words) => words.replace(/\s+/g, ' ').trim()).join(': '),
    ),
  );
}

/** Signs in as the first identity whose line says `who` (text or regular expression); lands on their first page. */
export async function signInAs(page, who) {
  const everyone = await identities(page);
  const at = everyone.findIndex((line) => (who instanceof RegExp ? who.test(line) : line.includes(who)));
  assert.ok(at >= 0, `nobody on ${CHOOSE} is called ${who}`);
  const radio = page.locator('main form input[name=identity]').nth(at);
  await radio.check();
  const form = radio.locator('xpath=ancestor::form');
  await Promise.all([page.waitForURL((url) => url.pathname !== CHOOSE), form.getByRole('button').click()]);
  const cookies = await page.context().cookies();
  assert.ok(cookies.some((cookie) => cookie.httpOnly && cookie.sameSite !== 'None'), 'signing in sets a session cookie');
  return new URL(page.url()).pathname;
}
