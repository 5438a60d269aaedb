/**
 * Sites (RFC 6454): scheme, host and port of a page, as browsers name them in Origin, and patterns of them.
 *
 * Invariant: a pattern matches whole names only, and `*` in it never stands for a dot at the wrong place, so that
 * `https://*.example.com` matches no site that somebody else could own.
 */

/** A site as browsers spell it; a pattern, as `https://*.example.com` or `http://localhost:*`; or `*`. */
export type SitePattern = string

const SITE = /^([a-z][a-z0-9+.-]*):\/\/(\*\.)?([^/*?#@\s\\]+?)(:\*)?\/?$/i

/**
 * The same in the spelling of browsers; undefined for what is no site. `*` alone is every site; in front of the host it
 * stands for one label or more, in place of the port for any. Case, a default port and a slash at the end make no
 * difference.
 */
export function parseSite(written: string): SitePattern | undefined {
  if (written === '*') return written
  const parts = SITE.exec(written)
  if (parts === null) return undefined
  const [, scheme = '', anyLabels = '', address = '', anyPort = ''] = parts
  // An application's own scheme (capacitor://localhost) has a name of its own kind, which stays as it is.
  const isOfWeb = /^https?$/i.test(scheme)
  const url = URL.parse(`${isOfWeb ? scheme : 'http'}://${address}`)
  if (url === null || url.host === '' || (anyPort !== '' && url.port !== '')) return undefined
  return `${scheme.toLowerCase()}://${anyLabels}${isOfWeb ? url.host : address.toLowerCase()}${anyPort}`
}

/** What {@link parseSite} gave, as a test of an Origin field. Takes time in proportion to its length. */
export function compileSite(site: SitePattern): RegExp {
  const text = site
    .replace(/[.+[\]]/g, '\\$&')
    .replace('://*\\.', '://(?:[a-z0-9_-]+\\.)+')
    .replace(/:\*$/, '(?::[0-9]{1,5})?')
  return new RegExp(`^${text}$`)
}

/** Whether an origin as browsers write it is one of some sites. */
export type SiteTest = (origin: string) => boolean

/** @param sites what {@link parseSite} gave */
export function compileSites(sites: readonly SitePattern[]): SiteTest {
  const patterns = sites.map(compileSite)
  return (written) => {
    const origin = written.toLowerCase()
    return patterns.some((pattern) => pattern.test(origin))
  }
}
