import { Curve, hmacSign, type KeyPair, proto, WA_ADV_ACCOUNT_SIG_PREFIX, WA_ADV_DEVICE_SIG_PREFIX } from "baileys";

/** What a phone says about a device that it links. */
export interface DeviceIdentity {
  /** The phone's identity key. */
  account: KeyPair;
  /** The public identity key of the device. */
  identity: Buffer;
  /** The number of the device. */
  device: number;
  /** The secret that only the phone and the device know: it was in the QR code, or came of the pairing code. */
  advSecret: Buffer;
}

/** The device's identity, signed with the phone's key and sealed with the secret. */
export function signIdentity({ account, identity, device, advSecret }: DeviceIdentity): Uint8Array {
  const details = identityDetails(device);
  const signed = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: account.public,
    accountSignature: Curve.sign(account.private, Buffer.concat([WA_ADV_ACCOUNT_SIG_PREFIX, details, identity])),
  }).finish();
  return proto.ADVSignedDeviceIdentityHMAC.encode({ details: signed, hmac: hmacSign(signed, advSecret) }).finish();
}

/** Whether the device has signed its identity with its own key. */
export function isSignedByDevice(signed: Uint8Array, { account, identity }: DeviceIdentity): boolean {
  const { details, deviceSignature } = proto.ADVSignedDeviceIdentity.decode(signed);
  if (!details || !deviceSignature) return false;
  const message = Buffer.concat([WA_ADV_DEVICE_SIG_PREFIX, details, identity, account.public]);
  return Curve.verify(identity, message, deviceSignature);
}

function identityDetails(device: number): Uint8Array {
  return proto.ADVDeviceIdentity.encode({
    rawId: 1,
    timestamp: Math.floor(Date.now() / 1000),
    keyIndex: device,
    accountType: proto.ADVEncryptionType.E2EE,
    deviceType: proto.ADVEncryptionType.E2EE,
  }).finish();
}
