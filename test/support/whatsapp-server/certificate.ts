import { Curve, type KeyPair, proto, WA_CERT_DETAILS } from "baileys";
import { whileUsed } from "./while-used.ts";

/**
 * The key that signs the certificates of every server of the tests. It is fixed, so that a client in another process can
 * trust the server of a test.
 */
const root: KeyPair = {
  private: Buffer.from("d0d941831a0426215cc2699b5e5e5a9e50dd9b8af67d1f50f460e2514c3da97e", "hex"),
  public: Buffer.from("9660a04094c21ad82f9ac0f0856a7378abb1e0cdd3287ab467363a6e1e9e696f", "hex"),
};

const INTERMEDIATE_SERIAL = 1;

/**
 * The certificate chain that a server shows in the Noise handshake: WhatsApp's long-term key signs an intermediate
 * certificate, whose key signs the one of the server.
 * @param serverKey the static public key of the server
 */
export function certificateChain(serverKey: Uint8Array): Uint8Array {
  const intermediate = Curve.generateKeyPair();
  const { Details } = proto.CertChain.NoiseCertificate;
  const intermediateDetails = Details.encode({
    serial: INTERMEDIATE_SERIAL,
    issuerSerial: WA_CERT_DETAILS.SERIAL,
    key: intermediate.public,
  }).finish();
  const leafDetails = Details.encode({ serial: 2, issuerSerial: INTERMEDIATE_SERIAL, key: serverKey }).finish();
  return proto.CertChain.encode({
    intermediate: { details: intermediateDetails, signature: Curve.sign(root.private, intermediateDetails) },
    leaf: { details: leafDetails, signature: Curve.sign(intermediate.private, leafDetails) },
  }).finish();
}

/**
 * Lets the Baileys of this process take the servers of the tests for WhatsApp's, until the answered function is called.
 * Baileys 7 checks the chain against WhatsApp's public key, an exported constant: this replaces its value, which is the
 * only thing in Baileys that is changed. Baileys 6 compares the serial number alone.
 */
export const trustTestServers: () => () => void = whileUsed(() => {
  const ofWhatsApp = WA_CERT_DETAILS.PUBLIC_KEY;
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(root.public);
  return () => {
    WA_CERT_DETAILS.PUBLIC_KEY = ofWhatsApp;
  };
});
