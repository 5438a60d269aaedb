/** The admin listener in the file. Whoever can reach it from another machine needs a token. */

import ipaddr from 'ipaddr.js'
import { address, parseAddress } from './address.ts'
import { textThat } from './kinds.ts'
import { EVEN_IF_WRONG, option, section } from './option.ts'

/** Visible ASCII: anything else does not come through a header field as it was written. */
const TOKEN = /^[\x21-\x7e]*$/

const token = textThat(
  (written) =>
    TOKEN.test(written) ? { value: written } : { fault: 'expected letters, digits and signs of ASCII without spaces' },
  {},
)

export const admin = section({
  address: option(address, 'Where to listen: host:port; port 0 takes any free one.'),
  token: option(
    token,
    'What every request has to bring: Authorization: Bearer TOKEN. Required where the address is not loopback; where it is, an empty one counts as absent.',
  ).optional(),
})
  .superRefine((written, context) => {
    if (written.token !== undefined && written.token !== '') return
    const parsed = typeof written.address === 'string' ? parseAddress(written.address) : undefined
    if (parsed === undefined || isLoopback(parsed.host)) return
    const message = 'expected a token, since admin.address is not loopback'
    context.addIssue({ code: 'custom', path: ['token'], message })
  }, EVEN_IF_WRONG)
  .transform(({ address, token }) => ({ address, token: token === '' ? undefined : token }))
  .optional()
  .meta({
    description: 'Whether the program lives (/health) and is ready (/ready), on a listener of its own. Default: none.',
  })

/** Whether only this machine can connect there (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3, RFC 6761 §6.3). */
function isLoopback(host: string): boolean {
  if (!ipaddr.isValid(host)) return host.toLowerCase() === 'localhost'
  return ipaddr.process(host).range() === 'loopback'
}
