/**
 * CORS in the file: which sites' players may read a route's answers.
 *
 * What is accepted here can be answered as it stands: every site is one that a browser could name, and no site is let
 * in with cookies that was not named.
 */

import * as z from 'zod'
import { parseSite } from '../http/site.ts'
import { isToken } from '../http/syntax.ts'
import { flag, textThat, time } from './kinds.ts'
import { EVEN_IF_WRONG, option, optionWithDefault, section } from './option.ts'

const NO_SITE = 'expected a site such as https://example.com or https://*.example.com, or "*"'
const NO_SITES = 'expected a list of sites, such as [https://example.com] or ["*"]'

export const cors = section({
  origins: z
    .array(
      option(
        textThat(readSite, { examples: ['*', 'https://example.com', 'https://*.example.com'] }),
        'A site as scheme://host or scheme://host:port; with *. in front of the host any subdomain of it, with :* any port; or "*" for every site.',
      ),
      { error: NO_SITES },
    )
    .min(1, { error: NO_SITES })
    .meta({ description: 'Sites whose players may read the answers.' }),
  maxAge: optionWithDefault(time, 'How long browsers may remember what they may send.', '1d'),
  credentials: optionWithDefault(
    flag,
    'true: players may send cookies along, such as signed ones, and still read the answer; only with sites that are named.',
    false,
  ),
  allowHeaders: z
    .array(option(textThat(readName), 'Name of a request field.'), { error: 'expected a list of field names' })
    .prefault([])
    .meta({
      description:
        'Request fields that players set, beside Range, If-Range, If-None-Match, Authorization and CMCD-*. Default: none.',
    }),
})
  .superRefine(({ origins, credentials }, context) => {
    if (credentials !== true || !Array.isArray(origins) || !origins.includes('*')) return
    context.addIssue({
      code: 'custom',
      path: ['credentials'],
      message: 'cannot be true for every site: name the sites',
    })
  }, EVEN_IF_WRONG)
  .optional()
  .meta({
    description:
      'Lets players on other sites read the answers in browsers. Preflights are answered here; what the origin says about it is replaced. Default: nobody is let in but by what the origin says.',
  })

function readSite(written: string) {
  const site = parseSite(written)
  return site === undefined ? { fault: NO_SITE } : { value: site }
}

function readName(name: string) {
  return isToken(name) ? { value: name } : { fault: 'is no name of a header field' }
}
