// Takes the pictures of the README anew, from a neighbourhood of its own: `node pictures.js`.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launch, visitor } from './lib/browser.js';
import { answerAll, begin } from './lib/journey.js';
import { startKith } from './lib/server.js';
import { signInAs } from './lib/signin.js';
import { openRecord } from './lib/team.js';

const images = fileURLToPath(new URL('../docs/images', import.meta.url));
const GP = 'Dr Blessing Owusu';
const PERSON = 'Patricia Radcliffe';

await mkdir(images, { recursive: true });
const [kith, browser] = await Promise.all([startKith(), launch()]);

async function as(who, height, body) {
  const context = await visitor(browser, { baseURL: kith.url, width: 1280, height });
  const page = await context.newPage();
  await signInAs(page, who);
  await body(page);
  await context.close();
}

const picture = async (page, name) => {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `${images}/${name}.png` });
};

try {
  await as('Leah Marsden', 1000, async (page) => {
    await begin(page, 'Sore throat');
    await answerAll(page, { 'How many days': '2', 'Which of these do you have': 'White spots' });
    await page.getByRole('button', { name: 'See who can help' }).click();
    await picture(page, 'ask');
  });
  await as(PERSON, 900, async (page) => {
    await page.goto('/details/change');
    for (const need of ['Step-free access', 'Large print']) await page.getByLabel(need).check();
    await page.getByRole('button', { name: 'Save' }).click();
  });
  await as(GP, 900, async (page) => {
    await openRecord(page, PERSON);
    await picture(page, 'record');
    await page.goto('/team');
    await picture(page, 'worklist');
  });
} finally {
  await browser.close();
  await kith.stop();
}
