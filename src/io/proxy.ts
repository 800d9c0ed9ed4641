import { redactUrl } from "../core/redact.ts";
import { BangerError } from "../core/errors.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that the environment sets for a URL, in the order in which `fetch` looks, without its
 * credentials.
 *
 * @returns undefined when none is set, or NO_PROXY names the host.
 */
export function describeProxy(url: string, environment: Variables): string | undefined {
  const set = proxyVariable(url, environment);
  return set === undefined ? undefined : redactUrl(set.value);
}

/**
 * Checks the proxy that the environment sets for a URL.
 *
 * @throws {BangerError} `network`, naming the variable, when it is no http or https URL.
 */
export function checkProxy(url: string, environment: Variables): void {
  const set = proxyVariable(url, environment);
  if (set === undefined) return;
  const withScheme = set.value.includes("://") ? set.value : `http://${set.value}`;
  if (/^https?:\/\//i.test(withScheme) && URL.canParse(withScheme)) return;
  throw new BangerError(
    "network",
    `the proxy in ${set.name} cannot be used: ${redactUrl(set.value)}`,
    {
      hint: "banger speaks to http:// and https:// proxies; NO_PROXY names hosts to reach without one",
    },
  );
}

function proxyVariable(
  url: string,
  environment: Variables,
): { readonly name: string; readonly value: string } | undefined {
  if (isExempt(url, environment)) return undefined;
  const scheme = url.startsWith("https:") ? "https" : "http";
  const names = [`${scheme}_proxy`, `${scheme.toUpperCase()}_PROXY`, "all_proxy", "ALL_PROXY"];
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined && value !== "") return { name, value };
  }
  return undefined;
}

/** Whether NO_PROXY names the host of a URL: `*`, a host, a domain with or without a dot before it. */
function isExempt(url: string, environment: Variables): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname, host } = new URL(url);
  const names = (environment["no_proxy"] ?? environment["NO_PROXY"] ?? "").split(/[\s,]+/);
  return names.some((name) => {
    const bare = name.replace(/^\*?\./, "").toLowerCase();
    return (
      name === "*" ||
      (bare !== "" && [hostname, host].some((each) => `.${each}`.endsWith(`.${bare}`)))
    );
  });
}
