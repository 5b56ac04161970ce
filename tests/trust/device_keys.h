// Phones' keys of the sizes that no vector has. Made for these tests.
#pragma once

#include "anchord/crypto/self_signed.h"
#include "vectors.h"

namespace anchord::trust {

inline constexpr std::string_view kRsa512 =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIBOgIBAAJBAL44W2vQJqz6nk3spWiWbg5LS0tTV+VOc5i3MvtnFQkeU26NJqmI\n"
    "hdnIa3hVcuxBmEl8NsslOFhLGLpqLenwV48CAwEAAQJBAI121i6I/6pXPBHRs3Xj\n"
    "ofeJcXaUheKoBHoHjKfBErjTB4NVLSpWgCT+tGnCfC6+o6Ixu13wkXARNm5MuA/s\n"
    "TvECIQDhv2E2qeB8S1cxwBAJPuvt7D1ZY8xEteDz3Rir6NvguQIhANe2J17YEf+B\n"
    "fulH9Uq+fXjRjz2L7Q20T8Yk40GzPIaHAiBs5oS/+P0pGLMsdcmGnEr2EJObzq/Y\n"
    "qaCmI49mRsPjSQIgM6jE7vrR/J23lgiMnvTVuax+IGA1SjXncO1+m0pgcVsCIALq\n"
    "bntQEDNvQsLQzzdqHty9AzJ1JALy+QpK+8LsNa4x\n"
    "-----END RSA PRIVATE KEY-----\n";

inline constexpr std::string_view kRsa1016 =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICVgIBAAKBgACzIXX88VHcAOW5VFKXQIUdNd9fW+soMS1tM1UmLtUD9+MuGreL\n"
    "DAVEA0KSqTMalzK1jkKBeNnMHh/+quLeYPJUORepQgcaj8kiwsPwp9oe/eAkiOT+\n"
    "V2IAU9C3IHO9gtCz9MB49Ick4Dg/aeIQt3YAceLvLqV4QThdIMquNg8lAgMBAAEC\n"
    "f1NEOpRZmLOrtx1vFPU6CKaLZEnvcGA+e99G/U3Cd0Jg+Dl2MdtwuwHigg+qlxbF\n"
    "Mc0zU7bbdmJrnnPC+7JjXjVV9X9J+0P1eCmmGWz1W/kQdRrEcDXTRhITT3CuONaj\n"
    "yCDkuKBJ3QCrdJg/KYU5kqlSrvZTJBk32vIs8W/PIAECQA24oex9lLsZq3IemIvR\n"
    "V2EtdDjd0tLH7fmIMx9PVNfOQCBdZAecgybDAIlfhI7pTV+Uj7VJGpMMRScfV7tj\n"
    "lMkCQA0OFUo3lcBlee7GBqmN1KMWfMR2Rdk+0ME0NTkuWgQeyyi6GsmGSlufdYda\n"
    "fCAqdlF97YDe3eJIaS1VljPkoX0CQAbV9wWkwtY7wahHCeSOVKP7Sy2RhZixNiPc\n"
    "8OsmULR68oOtQ0pvdP94ounNhnLUVFHL55R/aRfdQw5slP6sa9ECQAPoORrzM9BX\n"
    "Dn0VqxzHo+IDcufhddok4JlSJLOuWaZuCONxf17c4Bg3yxbtT8TYsHyHMbOl/8Yf\n"
    "Ycr9mGyDeokCQApg12EDQv5J44CES695IXtBlu2pE8hn2w0LtpheGI3HDHUzL/0t\n"
    "PvMfvbvrILQZb8oqRuiP1jhq5LnvYavwV7s=\n"
    "-----END RSA PRIVATE KEY-----\n";

inline constexpr std::string_view kRsa1024 =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQDIcWGIc8eDEJZueCb9ULQGoahecr19dNVeOyhJF5V+AyxyX7Uh\n"
    "tWmDH3uD2Qyr4QmAZfBNtXADZKT917YWRUUPFXEd+nwSK7nLEQbXfelKGG3txNBm\n"
    "bi2V3InQouZgF+vGwRM1II7jFL/RfDxY+tMOP2onmg1qOHtsNCu2hoL7NwIDAQAB\n"
    "AoGBALjZzz++vpUBfCneht6ASbX/6b1IhbYoRAnF9q4JoOT4WkoUN4AhxG+XXhpG\n"
    "1efA/jk6SXXwyJ9odrxe7d71/Ot7Kh5nYA0D/SUHVJfA9Hvhq3iRTMhF77n5g4S4\n"
    "EE70vdJUWwK/RgPCq8H3QYMa/TT3CqZr9KGB6KyrEvctR0JBAkEA+yIUPFUfqJKu\n"
    "5wWrcRj0w3oniNUIODWc4JAdGNsshPgeD81QzL4A2q8sy6S+NFEM05Xp9gG44vjY\n"
    "FNkjJLen1wJBAMxT0Vajhn1dvMmQZ8MlW1Md4D8eerWqcXM6j61zHGiuQdHi4wRy\n"
    "6S3L2m6YGCqOsiHuTQoGCT9W+4qrOR1PW6ECQDgKvdtM37i9qxxQ7pZZjF2HCAWI\n"
    "DMKGbFDMuEGQv5mYyRSbq9lU2Vnz15pGVE/WendJMCG+9qRoBch5QFd0SJcCQQC7\n"
    "KHNxxqukHb6Vap6A07EJOy5y4npH+O2ePJ/qoqv8/tDvbcHAC3mnJzjXYJ2SLc7g\n"
    "4aTTb5/80rHp3NieDljBAkBkIaQnSmpMETmoLz9OxnuVE0eenDSl/r+DXhHOLHTw\n"
    "kLf5lXWvOlnemfM1Yya30IGsYg+hp/ScTWiFu+oMwSlo\n"
    "-----END RSA PRIVATE KEY-----\n";

inline crypto::PrivateKey key_of(std::string_view pem) {
  return crypto::PrivateKey::from_pem_or_der(as_bytes(pem)).value();
}

inline crypto::Certificate certificate_of(const crypto::PrivateKey& key) {
  return crypto::make_self_signed(key, {.subject = crypto::Name::parse("CN=SEP001122334455").value(),
                                        .not_before = 1795407360,
                                        .days = 7})
      .value();
}

}  // namespace anchord::trust
