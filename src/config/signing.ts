/** What a configuration says about signing: the key, and where tokens are carried, of the route that a path takes. */

import { compilePattern } from '../http/pattern.ts'
import { parseTarget } from '../http/target.ts'
import type { Config, TokensConfig } from './schema.ts'

export type SigningRules = Extract<TokensConfig, { readonly scheme: 'hmac' }>

/** @param url a path with or without scheme and host in front */
export function signingRulesFor(url: string, { routes }: Config): SigningRules | { readonly fault: string } {
  const target = parseTarget(url.replace(/^https?:\/\/[^/]*/i, '').replace(/#.*$/, ''))
  if (target.kind === 'refused') return { fault: 'expected a path, or a URL with one, that can be asked for' }
  const route = routes.find(({ match }) => compilePattern(match).test(target.path))
  if (route === undefined) return { fault: 'no route is for this path' }
  const tokens = route.access?.tokens
  if (tokens === undefined) return { fault: `the route ${route.match} asks for no tokens` }
  if (tokens.scheme !== 'hmac') {
    return { fault: `the route ${route.match} takes ${tokens.scheme} tokens, which their own backend makes` }
  }
  return tokens
}
