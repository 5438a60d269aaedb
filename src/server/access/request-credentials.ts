/**
 * Credentials among the fields of a request: read, and taken out where the origin would see them.
 *
 * Whatever reads the request later reads `rawHeaders`, or what Node makes of them, so all three views are changed.
 */

import type { IncomingMessage } from '../messages.ts'

/** Makes what is left of a field's value; undefined takes the field away. */
type Edit = (value: string) => string | undefined

/** The field's only value; `several` where it came more than once. */
export function fieldValue({ rawHeaders }: IncomingMessage, lowerCaseName: string): string | 'several' | undefined {
  let value: string | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== lowerCaseName) continue
    if (value !== undefined) return 'several'
    value = rawHeaders[index + 1]
  }
  return value
}

/** The cookie's only value (RFC 6265 §4.2.1), without quotes around it; `several` where there are two of that name. */
export function cookieValue({ headers }: IncomingMessage, name: string): string | 'several' | undefined {
  let value: string | undefined
  for (const pair of (headers.cookie ?? '').split(';')) {
    const cookie = pair.trim()
    if (!cookie.startsWith(`${name}=`)) continue
    if (value !== undefined) return 'several'
    value = cookie.slice(name.length + 1).replace(/^"(.*)"$/, '$1')
  }
  return value
}

/** Takes the cookie out of the request, and the field where nothing is left of it. */
export function removeCookie(req: IncomingMessage, name: string): void {
  if (req.headers.cookie?.includes(`${name}=`) !== true) return
  editField(req, 'cookie', (value) => {
    const others = value.split(';').filter((pair) => !pair.trim().startsWith(`${name}=`))
    return others.length === 0 ? undefined : others.join(';').trim()
  })
}

/** Takes the field out of the request. */
export function removeField(req: IncomingMessage, lowerCaseName: string): void {
  editField(req, lowerCaseName, () => undefined)
}

/** Changes every line of a field in the request as everybody after this sees it. */
export function editField(req: IncomingMessage, lowerCaseName: string, edit: Edit): void {
  const { headers, headersDistinct, rawHeaders } = req
  const lines: string[] = []
  for (let index = rawHeaders.length - 2; index >= 0; index -= 2) {
    if (rawHeaders[index]?.toLowerCase() !== lowerCaseName) continue
    const edited = edit(rawHeaders[index + 1] ?? '')
    if (edited === undefined) rawHeaders.splice(index, 2)
    else {
      rawHeaders[index + 1] = edited
      lines.unshift(edited)
    }
  }
  delete headers[lowerCaseName]
  delete headersDistinct[lowerCaseName]
  if (lines.length === 0) return
  headers[lowerCaseName] = lines.join(lowerCaseName === 'cookie' ? '; ' : ', ')
  headersDistinct[lowerCaseName] = lines
}
