// Runs the checks' own tests, then the product's, each file in a process of its own, and ends with the runner's summary.
// With arguments runs only files whose name contains one of them: `node run.js pages`.
import { readdirSync, writeFileSync } from 'node:fs';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const here = (folder) => fileURLToPath(new URL(folder, import.meta.url));
const only = process.argv.slice(2);
const files = ['selftest', 'tests']
  .flatMap((folder) => readdirSync(here(folder)).sort().map((name) => `${here(folder)}/${name}`))
  .filter((file) => file.endsWith('.test.js') && (only.length === 0 || only.some((word) => file.includes(word))));
if (files.length === 0) {
  console.error('No test file has such a name.');
  process.exit(2);
}

let passed = 0;
let failed = 0;
// One file at a time: each starts a server and a browser of its own.
const events = run({ files, concurrency: 1, timeout: 900_000 });
const isTest = (data) => data.details?.type !== 'suite' && !files.includes(data.name) && !data.skip && !data.todo;
events.on('test:pass', (data) => { passed += isTest(data) ? 1 : 0; });
events.on('test:fail', (data) => { failed += data.details?.type === 'suite' ? 0 : 1; });
events.compose(new Spec()).pipe(process.stdout);
events.on('end', () => {
  if (process.env.KITH_COUNTS) writeFileSync(process.env.KITH_COUNTS, `${passed} ${failed}\n`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
});
