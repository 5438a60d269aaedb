/** Sites: origins of the Web (RFC 6454), and patterns of them. Pure. */

/** Whether an origin as browsers write it is one of some sites. */
export type SiteTest = (origin: string) => boolean

/** A pattern is an origin (RFC 6454 §6.1) whose host may begin with `*.`, which stands for one label or more. */
const SITE = /^(?:https?):\/\/(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?$/i

export function isSitePattern(text: string): boolean {
  return SITE.test(text)
}

/** @param patterns by {@link isSitePattern} */
export function compileSites(patterns: readonly string[]): SiteTest {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')).map(canonical))
  const endings = patterns
    .filter((pattern) => pattern.includes('*'))
    .map((pattern) => {
      const [scheme = '', host = ''] = canonical(pattern.replace('*.', 'x.')).split('://x.', 2)
      return { opening: `${scheme}://`, ending: `.${host}` }
    })
  return (written) => {
    const origin = written.toLowerCase()
    return exact.has(origin) || endings.some((it) => origin.startsWith(it.opening) && origin.endsWith(it.ending))
  }
}

function canonical(pattern: string): string {
  return new URL(pattern).origin
}
