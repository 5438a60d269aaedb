/**
 * TLS rules: what every TLS listener agrees to, whatever the certificate (RFC 9325, RFC 9113 §9.2).
 *
 * Forward secrecy and authenticated encryption always; no compression, no renegotiation.
 */

import { constants } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'

/** 128 bits first: as safe as can be told, and a quarter cheaper (RFC 9325 §4.2). */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
]

/** How long a client may come back to where it was; players pause and go on. */
const SESSION_SECONDS = 3600

export const TLS_RULES: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: CIPHERS.join(':'),
  honorCipherOrder: true,
  secureOptions:
    constants.SSL_OP_NO_RENEGOTIATION |
    constants.SSL_OP_NO_COMPRESSION |
    // Phones without AES in hardware say that they would rather have ChaCha20.
    constants.SSL_OP_PRIORITIZE_CHACHA,
  sessionIdContext: 'segment-shield',
  sessionTimeout: SESSION_SECONDS,
}
