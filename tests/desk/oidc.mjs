// Signing in by a provider of OpenID Connect, told in a real Chromium: what a browser does with the
// cookies, the redirects between two origins and the page's policy; see tests/it/oidc.rs.
import { createRequire } from "node:module";
import { strict as is } from "node:assert";
import { readFileSync } from "node:fs";

const need = createRequire(process.env.BACKSTOP_DESK_TOOLS + "/");
const { chromium } = need("playwright-core");
const axe = readFileSync(need.resolve("axe-core/axe.min.js"), "utf8");
const base = process.env.BACKSTOP_URL;
const shots = process.env.BACKSTOP_SHOTS;

const browser = await chromium.launch({
  executablePath: process.env.BACKSTOP_CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const problems = [];

// Whether the page is as it should be: narrow, in the dark, for everybody.
const looks = async (page, name) => {
  for (const [colorScheme, width] of [["light", 1360], ["dark", 360]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) problems.push(`${name} ${width}: ${wide} px wider than the screen`);
    if (shots) await page.screenshot({ path: `${shots}/${name}-${colorScheme}-${width}.png` });
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }));
    for (const one of found.violations) problems.push(`${name} ${width}: ${one.id}: ${one.help}`);
  }
};

const context = await browser.newContext({ baseURL: base });
const page = await context.newPage();
page.on("console", (line) => { if (line.type() === "error" && !/403/.test(line.text())) problems.push(line.text()); });
page.on("pageerror", (error) => problems.push(String(error)));

// By keyboard alone, to the page that was wanted.
await page.goto("/reviews?show=free");
is.match(page.url(), /\/sign-in\?to=/);
await looks(page, "sign-in-provider");
await page.keyboard.press("Tab");
is.equal(await page.evaluate(() => document.activeElement.textContent), "Sign in with Acme");
await page.keyboard.press("Enter");
await page.waitForURL(base + "/reviews?show=free");
is.match(await page.locator(".who").innerText(), /ada@acme\.example/);
is.deepEqual((await context.cookies()).map((one) => one.name), ["backstop_desk"]);

// The way back again, by the browser's own button and history: still in, and nothing is asked twice.
await page.goBack();
await page.goto("/reviews");
is.match(page.url(), /\/reviews$/);

// Out: a form, and where one leaves the provider, a link, because the page's policy lets no form lead away.
await page.click("text=Sign out");
await page.waitForURL("**/sign-in?to=out-oidc");
await looks(page, "signed-out-provider");
const out = new URL(await page.locator("text=Sign out of Acme, too").getAttribute("href"));
is.equal(out.searchParams.get("client_id"), "backstop");
is.equal(out.searchParams.get("post_logout_redirect_uri"), base + "/sign-in");
await page.goto("/reviews");
is.match(page.url(), /\/sign-in/);

// A link that somebody else sent: nobody is signed in as them.
const leads = async (to) => (await fetch(to, { redirect: "manual" })).headers.get("location");
const link = await leads(await leads(base + "/sign-in/oidc"));
is.match(link, /code=/);
await page.goto(link);
is.match(await page.locator("[role=alert]").innerText(), /did not begin in this browser/);
await looks(page, "sign-in-refused");
await page.goto("/reviews");
is.match(page.url(), /\/sign-in/);

await browser.close();
is.deepEqual(problems, []);
console.log("ok      whoever signs in by a provider does so in one browser, by keyboard, and out again");
