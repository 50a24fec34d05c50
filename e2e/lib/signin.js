// The demo's page for choosing who to be.
import assert from 'node:assert/strict';

/** Where the demo lets a visitor choose an identity. The page exists in demo mode alone. */
export const CHOOSE = process.env.KITH_SIGN_IN || '/sign-in';

/** The words on each button of the page: one for every identity. */
export async function identities(page) {
  await page.goto(CHOOSE);
  return page.evaluate(() =>
    [...document.querySelectorAll('main form button')].map((button) => button.textContent.replace(/\s+/g, ' ').trim()),
  );
}

/** Signs in as the first identity whose button says `who` (text or regular expression); lands on their first page. */
export async function signInAs(page, who) {
  await page.goto(CHOOSE);
  const button = page.locator('main form button').filter({ hasText: who }).first();
  assert.ok((await button.count()) > 0, `nobody on ${CHOOSE} is called ${who}`);
  await Promise.all([page.waitForURL((url) => url.pathname !== CHOOSE), button.click()]);
  const cookies = await page.context().cookies();
  assert.ok(cookies.some((cookie) => cookie.httpOnly && cookie.sameSite !== 'None'), 'signing in sets a session cookie');
  return new URL(page.url()).pathname;
}
