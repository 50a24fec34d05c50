// A tiny site with one page for each fault, so that the checks are shown to catch it.
import { createServer } from 'node:http';

const style = `
  body { font: 16px Arial; margin: 8px; color: #212b32; background: #fff }
  a, button, input { padding: 12px; display: inline-block }
  :focus { outline: 4px solid #212b32; background: #ffeb3b }
`;
const page = (title, body, { extra = '', lang = 'en-GB' } = {}) =>
  `<!doctype html><html lang="${lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
  `<title>${title}</title><style>${style}${extra}</style></head><body><main>${body}</main></body></html>`;

export const pages = {
  '/': page('Home - Test', `<h1>Home</h1><ul><li><a href="/good">A good page</a></li>
    <li><a href="/item/12345">First</a></li><li><a href="/item/67890">Second</a></li>
    <li><a href="/wide">Wide</a></li><li><a href="https://www.nhs.uk/">Elsewhere</a></li><li><a href="/sign-out">Sign out</a></li></ul>`),
  '/good': page('Your name - Test', `<h1><span class="nhsuk-caption-l">About you</span> Your name</h1>
    <form><p><label for="n">Full name</label> <input id="n" name="n"></p>
    <fieldset><legend>When?</legend><input type="radio" name="w" id="a"><label for="a">Morning</label>
    <input type="radio" name="w" id="b"><label for="b">Evening</label></fieldset>
    <details><summary>Why we ask</summary><p><a href="/">Home</a></p></details><button>Continue</button></form>`),
  '/item/12345': page('Item - Test', '<h1>Item</h1><p><a href="/">Home</a></p>'),
  '/item/67890': page('Item - Test', '<h1>Item</h1><p><a href="/">Home</a></p>'),
  '/label': page('Ask - Test', '<h1>Ask</h1><form><input name="n"><button>Continue</button></form>'),
  '/contrast': page('Pale - Test', '<h1>Pale</h1><p style="color:#bbb">Hard to read</p>'),
  '/wide': page('Wide - Test', '<h1>Wide</h1><div id="band" style="width:900px">x</div>'),
  '/sign-in': page('Who are you? - Test', '<h1>Who are you?</h1><form method="post"><p>' +
    '<input type="radio" name="identity" id="a" value="1" aria-describedby="aa"><label for="a">Ada</label> <span id="aa">a person</span></p><p>' +
    '<input type="radio" name="identity" id="b" value="2" aria-describedby="bb"><label for="b">Ben</label> <span id="bb">a pharmacist</span></p>' +
    '<button>Sign in</button></form>'),
  '/home/1': page('Ada - Test', '<h1>Ada</h1><p><a href="/frame">Results</a> <a href="/sign-in">Change</a></p>'),
  '/home/2': page('Ben - Test', '<h1>Ben</h1><p><a href="/two">Broken</a></p>'),
  '/word': page('Donaudampfschifffahrtsgesellschaft - Test', '<h1 style="font-size:48px">Donaudampfschifffahrtsgesellschaft</h1><p>x</p>'),
  '/summary': page('Error: Name - Test', '<p><a href="/">Back</a></p><h1>Name</h1><div id="s" tabindex="-1"><a href="#n">Enter your name</a></div>' +
    '<label for="n">Name</label> <input id="n"><script>document.getElementById("s").focus()</script>'),
  '/frame': page('Frame - Test', '<h1>Frame</h1><div style="overflow-x:auto" tabindex="0" role="region" aria-label="Results"><table style="width:900px"><tr><th scope="col">a</th></tr><tr><td>1</td></tr></table></div>'),
  '/two': page('Two - Test', '<h1>Two</h1><h1>Again</h1>'),
  '/gap': page('Gap - Test', '<h1>Gap</h1><h3>Too deep</h3>'),
  '/title': page('Test', '<h1>Something else</h1>'),
  '/lost': page('Lost - Test', '<h1>Lost</h1><a href="/">One</a> <a href="/good" id="thief">Two</a> <button id="third">Three</button>' +
    '<script>document.getElementById("third").addEventListener("focus", (e) => document.activeElement.blur())</script>'),
  '/trap': page('Trap - Test', '<h1>Trap</h1><a href="/">One</a> <button id="trap">Two</button> <a href="/good">Three</a>' +
    '<script>document.getElementById("trap").addEventListener("keydown", (e) => { if (e.key === "Tab") e.preventDefault() })</script>'),
  '/dark': page('Dark - Test', '<h1>Dark</h1><a href="/">One</a>', { extra: ':focus { outline: none; background: none }' }),
  '/order': page('Order - Test', '<h1>Order</h1><a href="/">One</a> <a href="/good" tabindex="3">Two</a>'),
  '/template': page('Template - Test', '<h1>Template</h1><p>Hello {{ name }}</p>'),
  '/noise': page('Noise - Test', '<h1>Noise</h1><img src="/gone.png" alt="">'),
};

/** Gives `{ url, asked, stop() }`; `asked` lists every path that was asked for. */
export async function startSite() {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    if (request.method === 'POST') {
      let sent = '';
      request.on('data', (chunk) => { sent += chunk; });
      request.on('end', () => {
        const who = new URLSearchParams(sent).get('identity');
        response.writeHead(303, { location: `/home/${who}`, 'set-cookie': 'who=1; HttpOnly; SameSite=Lax' });
        response.end();
      });
      return;
    }
    const body = pages[request.url];
    response.writeHead(body ? 200 : 404, {
      'content-type': 'text/html; charset=utf-8',
      // As strict as the product's, but for the inline styles and scripts these planted faults need.
      'content-security-policy': "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
    });
    response.end(body ?? page('Not found - Test', '<h1>Not found</h1>'));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, asked, stop: () => new Promise((done) => { server.close(done); server.closeAllConnections?.(); }) };
}
