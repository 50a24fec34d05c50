// Pages work without this file. It starts the design system's own behaviour, and two small helps of ours.
import { initAll } from './nhsuk.js';

document.body.classList.add('js-enabled');
if ('noModule' in HTMLScriptElement.prototype) document.body.classList.add('nhsuk-frontend-supported');
initAll();

// A form is sent once. The server ignores a second copy anyway; this spares the wait and the doubt.
for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = 'yes';
  });
}
// Back to a page the browser kept as it was: the form may be sent again.
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});

// A filter that should act when it is changed; without script it has a button.
for (const control of document.querySelectorAll('[data-submit-on-change]')) {
  control.addEventListener('change', () => control.form?.requestSubmit());
}
