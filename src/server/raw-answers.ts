/**
 * Answers where there is no request to answer: written to the connection as they stand, which ends with them.
 *
 * Whoever writes one makes sure that no other answer is under way on that connection.
 */

/** What a request that could not even be parsed is told (RFC 9110 §15.5.1, §15.5.9; RFC 6585 §5). */
export function refusal({ code }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return rawAnswer(431, 'Request Header Fields Too Large', 'The request fields are too large')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return rawAnswer(408, 'Request Timeout', 'The request took too long')
    default:
      return rawAnswer(400, 'Bad Request', 'Malformed request')
  }
}

function rawAnswer(status: number, reason: string, text: string, moreLines: readonly string[] = []): string {
  const body = `${text}\n`
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
    ...moreLines,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

export const CONNECT_REFUSAL = rawAnswer(405, 'Method Not Allowed', 'Not a proxy for CONNECT', [
  'Allow: GET, HEAD, OPTIONS',
])
