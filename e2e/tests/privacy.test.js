// Nobody reads what is not theirs, and what people type stays text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerAll, begin } from '../lib/journey.js';
import { openRecord, patient, text } from '../lib/team.js';
import { neighbourhood } from '../lib/world.js';

const place = neighbourhood();

test("a person cannot open another person's pages", async () => {
  const other = await patient(place, 'Patricia Radcliffe');
  const theirs = await place.as('Patricia Radcliffe', async (page) => {
    await page.goto('/care/messages/new');
    await page.getByRole('textbox').first().fill('My own matter');
    await page.getByRole('textbox').last().fill('For my practice alone.');
    await page.getByRole('button', { name: /Send/ }).click();
    const found = new Set();
    for (const path of ['/care', '/care/messages', '/record', '/record/timeline']) {
      await page.goto(path);
      const links = await page.locator('main a[href]').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
      links.filter((link) => /\/(appointments|requests|messages|documents)\/[0-9a-f-]{20,}/.test(link)).forEach((link) => found.add(link));
    }
    return [...found];
  });
  assert.ok(theirs.some((link) => link.includes('/messages/')) && theirs.some((link) => link.includes('/documents/')), theirs.join(' '));
  await place.as('Leah Marsden', async (page) => {
    for (const path of [...theirs, '/team', `/team/people/${other.id}`, `/team/people/${other.id}/timeline`, '/team/audit']) {
      const answer = await page.request.get(path);
      assert.equal(answer.status(), 404, `${path} answers ${answer.status()}`);
      assert.doesNotMatch(await answer.text(), /Radcliffe|My own matter/);
    }
  });
  await place.stranger(async (page) => {
    for (const path of [...theirs, '/', '/record', '/team', `/team/people/${other.id}`]) {
      await page.goto(path);
      assert.match(page.url(), /\/sign-in/, `${path} opens without signing in`);
    }
  });
});

test('what people type stays text wherever it is shown', async () => {
  const hurt = '<img src=x onerror="window.kithHurt=1"><script>window.kithHurt=1</script>{{ 7*7 }}';
  const safe = async (page) => {
    assert.equal(await page.evaluate(() => window.kithHurt), undefined, `${page.url()} ran what was typed`);
    const seen = await page.locator('body').innerText();
    return seen.includes('<img src=x') && seen.includes('{{ 7*7 }}');
  };
  await place.as('Leah Marsden', async (page) => {
    await page.goto('/care/messages/new');
    await page.getByRole('textbox').first().fill(hurt.slice(0, 60));
    await page.getByRole('textbox').last().fill(hurt);
    await page.getByRole('button', { name: /Send/ }).click();
    await page.goto('/care/messages');
    await page.getByRole('main').getByRole('link', { name: /<img/ }).first().click();
    assert.ok(await safe(page), 'the message shows what was typed, letter by letter');
    await page.goto('/details/change');
    await page.getByLabel('Anything else you need').fill(hurt.slice(0, 45));
    await page.getByRole('button', { name: 'Save' }).click();
    await safe(page);
    await page.goto('/help');
    await page.getByLabel('What is wrong?').fill(hurt);
    await page.getByRole('button', { name: 'Search' }).click();
    assert.ok(await safe(page));
    await begin(page, 'Something else');
    const own = 'Tell us in your own words';
    const words = await answerAll(page, { [own]: hurt }, async (at) => { await safe(at); }).catch((error) => error);
    await safe(page);
    assert.ok(Array.isArray(words), String(words));
  });
  await place.as('Dr Blessing Owusu', async (page) => {
    await page.goto('/team');
    await safe(page);
    const record = await openRecord(page, 'Leah Marsden');
    let seen = 0;
    for (const path of ['', '/timeline', '/care', '/messages']) {
      await page.goto(record + path);
      seen += (await safe(page)) || (await text(page)).includes('<img src=x') ? 1 : 0;
    }
    assert.ok(seen > 0, 'the team sees what was typed');
    await page.goto(`${record}/messages`);
    await page.getByRole('main').getByRole('link', { name: /<img/ }).first().click();
    assert.ok(await safe(page));
  });
});
