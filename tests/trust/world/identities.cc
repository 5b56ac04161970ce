// Keys and certificates for clusters that change a thousand times a second: RSA keys of 1024 bits,
// which sign in an eighth of the time that a cluster's own take. Made for these tests.
#include "identities.h"

#include <array>
#include <map>
#include <utility>

#include "anchord/crypto/self_signed.h"

namespace anchord::trust::world {
namespace {

constexpr std::array<std::string_view, 4> kKeys{
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQCg886dJoSyghK3sNVtqrmj0CBXGJyliPITQlu7M5KKB2Bj44oZ\n"
    "J2NepMMuO0YpT3QT29coVFo9XbAlxBQR+woUnVk0OrGBY5vOPE1uHdoeX7N5sK5C\n"
    "+UjImho1Wiha/CyDFrVQHE0nJNd834tdotOEJQIV0pY85ZcPv3giBMzxJQIDAQAB\n"
    "AoGADkfzwj/jsE8YSBI5rcRjOmTCKdg2Nf3jtM/DgeW+j969r79FxpuXFpO5+cUq\n"
    "oYm6O/Tar2pko2NHuOIgAcRrjWqp5QKaNxwAT6vU0I4MfEyiGAI23b1sKmVZwDLW\n"
    "g8X7vjqzAWZg4z1DuQnVKgTS99Rr2didy7sS/s4ZL7XjjqECQQDR6W/f4bL2gbJS\n"
    "y8XfQ3sQu7i4KayHv2BivAg4UUQG5nFfXywzxooalswjWFuvVccx+81LdNkXVeqZ\n"
    "M/Eyu/2pAkEAxEp+M9cryq28di+fk+fCS9MkO0OQ7YNAcJe8UQvviN0bP/oU4RK3\n"
    "Ae8OcB3h8jcM98sPJNcmZddnk+L+dCatHQJBAJwo8Lx6WLwAQpxL0hnFRuFs9f+z\n"
    "qRGX8umg/vB+rIABoagU0np2Ijmjo5xL2HF4++aYb+LJu9MbbJqqxK48onkCQQCu\n"
    "IIsNv84YMMDjcuGz2j8Q9o/IhuqU1/8dIm2q09S866/VtCo7c1enPoLnUIr0TIOT\n"
    "ea3Id5eXdltq5E3nibu9AkAGeYuA7SkZix61b/mxNiNSKr/K4PWHcgC8hemP3wJl\n"
    "XQZQEAl1muhftz3LvyvSLJvMmGH1lll/t+PYLUHLH44X\n"
    "-----END RSA PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQDTxewenUb2Jcz+kl7HjD7uUVHZf4ESOenJL6cfGVnYSKdGA2Fc\n"
    "3JMTXlYdJ+sHcdCHbhK233MJg8meexR5a3/jsM3msvzE/QhKo2zXZ+UVLBv8BA8f\n"
    "xO01qPRakpIkE/waYaURA6gd4g9PKrFtsdH565ocKFB0nu1f/w8WUHJ+2QIDAQAB\n"
    "AoGBAMQeAvDHDjReBV2sB4Ic6xqgzH/ziIBsiYj7THWMcJvPjLlV4BCzZLEHKBCQ\n"
    "KyQVztvcoBAjFtG07j6KFQfs+d0fCKcPlh2x6m5Fi30AgAs912qSlYluBB0izMmE\n"
    "oSmkE7M/kCBtmpQmq5c4isuXYWIlot3hWtQrNe7XQ1FGQinRAkEA8eledNZGA6JR\n"
    "h1L4brpSeUkfKYEU6Y9vb4B8S6+M0XaAHHKM/d3yDClosH/c9LwM6IDmV42eGgyD\n"
    "qSvfAmBoQwJBAOAbOP5edIwRFsENSmGIhQ6QFM9Z8P5v1L0ugX3K2/Da+mkWPPeN\n"
    "y6jRI8GSI/0pY8dd90lgZlyc24mXZAJiiLMCQQDn2W2A9xg1RW10EA4wOXzv5yfp\n"
    "pGBBlQoNSIxYEZEZ88PG//anHP9troY6muFO4ahRcbDR+tWrS5EoIvbilTl3AkAF\n"
    "gIWYsSb5XV4KpVHjLR/fKKhqItIo3QQDFQY22Wkm86lcNSCQD1olreTL1tOtXnvF\n"
    "pEfy9DvvICa/rQjWiibDAkAWUq3TmcOdEG+NpUIahw+VLYDHuqoEavpdlRYkkA8+\n"
    "P03QQ2edpvAFmaPt2JhjI53Dbe+1hE42jFo+lEMspygF\n"
    "-----END RSA PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXgIBAAKBgQCqkPdp/MJVMsdJM4ZY+tMMboAfS0KWvrsJSOZb+p44NNWoJJhF\n"
    "4yldUL/sEZB3e2qRns9gR3pNrIdp5HtkrUpuGZ4k6us7ljXDxCxnUBHlApTVQb2O\n"
    "NDJ/fvEPlT0AE1J9tThA3EiOj+oaUJxYt2xzuqD9BoPsD985XIt5l+dsuQIDAQAB\n"
    "AoGBAJuumcUpqY7uPCu6VcPdnMjaCyOFJBBHopwE6A3IIKYYw3Mng702bEj6LVMh\n"
    "bQVBprGnjIzKcP14nliu7VmlOirqulpbsui+Luu3VpUpwxY0NkC/YTwxtqR2Rwgo\n"
    "H9TLWyAoPTwgmeppQFv2any4dvXmz4zQOaf+3vjANGvACmwBAkEA1SCmuing+jjX\n"
    "+vTZYLwlRzb/4dMS2CblAGzaZ2iS56K20c+0K7dXV6YaS7zKafzbANPjtsz6ruW7\n"
    "QI2EkCuWeQJBAMzgjbd/tfdyDACI0qOO9Z2cyqSUJWT8eEu+rtgvflGCsEkyuiYa\n"
    "c31Go8N8o8hBL7866F7LSZJQlceBuktZ+EECQQCigocfJJe7tGRbox+tt0jliHaM\n"
    "hxmzX9T2Agp3FzINFfE5AptrSh17Y9hhL89YCcokU20rEhmECwBBNKeEFvhhAkEA\n"
    "y5YIvWOnCvDFhHJx/h29bJW1uL2OOz+2um4NiL4JJC5dxx8lY1+9i6t6aHOevQwp\n"
    "yjlbV3di8IYrkEkVOnN5AQJAX2e+O5yECmZGhGZBvl/ul4TeE8asy9kuJPzaB3Z3\n"
    "Ds3Yd5j6RTcq72LWFrR2wVpN1caKtBq0mVaK2qUVIhSWvg==\n"
    "-----END RSA PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQD53rG+djidl4J0DceLbhWcbf4ngPi3cBH0WSTapQ2mrcJgaJoZ\n"
    "nnRJv8xSPGgqyEyYN8HgHO5FdvkIXEsOR2JlfH9LgWlcRrdpaMnagTZKiKvu3gTF\n"
    "x/ETBcb1BalGg0dkv0WwbEhXEDh8bRXI/dP9R2xMsJSqRPh7G3kzL8+LkQIDAQAB\n"
    "AoGAZtPIXdMU9XWWT+Aj0DNbXWa+gs9Gi2bpXJ8a1Ye7GG7FYRtq30QgIwF1Ohp1\n"
    "27VWIAZCGNKPE7MkRNaGZLfnu3/YIi7XS7UHa6AB3a5k1i3bwTKxHJI1/7OPV/qr\n"
    "QAJSSn+YVmZf3D0opPhJUAxvqM62HQOQuKAMISc405RazCkCQQD9V3p9s+XN+M6a\n"
    "gS4adGuX9kDaC1NpfF4eGehLV6gW4afydwak0y4wBhWFXRdHn8xzWk1MoQQClpMe\n"
    "xXdLSWZ3AkEA/H3j0YUa7W3IizfRjPx8+dd2Gm36VtZ+js07aNPcrRx4YfAmr/2r\n"
    "DwqIw43c6/0MmnHoXabM2LqgVBX84gO4NwJBAJRBLR2CuWjfwYgJMMGqf4xeP3Va\n"
    "S2XfsfRLlPUCRwuc4nuxy+GI8+6GoPF6mLUBftPCdJnzYDVjiJTpWfZk7eECQQDU\n"
    "ABPwUTWJ05sGIckF+t4onRuiF2OR1CmRV4shenoYtAX0HcMuE+y0BWFN6OhtERyq\n"
    "9Sdosuvesdx6nbemQf9DAkBfbduZgBDvWvzw4qONmsjc1etN3ByuQmLh4ExiRT35\n"
    "N0JvL8FRX0lEBcQ133gtjy7mmnADgaPdgy+o8mf3zYaj\n"
    "-----END RSA PRIVATE KEY-----\n"};

const crypto::PrivateKey& rsa_key(std::size_t number) {
  static const std::vector<crypto::PrivateKey> kParsed = [] {
    std::vector<crypto::PrivateKey> keys;
    for (std::string_view pem : kKeys)
      keys.push_back(crypto::PrivateKey::from_pem_or_der(as_bytes(pem)).value());
    return keys;
  }();
  return kParsed[number % kParsed.size()];
}

const crypto::PrivateKey& ec_key() {
  static const crypto::PrivateKey kKey = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
  return kKey;
}

std::string common_name(Service service, const std::string& cluster, const std::string& host) {
  switch (service) {
    case Service::tvs:
      return "TVS-" + host;
    case Service::tftp:
    case Service::tftp_ec:
      return host;
    case Service::capf:
      return "CAPF-" + cluster;
    case Service::recovery:
      return "ITLRECOVERY_" + host;
  }
  std::unreachable();
}

}  // namespace

Identity identity(const std::string& cluster, Service service, const std::string& host, std::size_t number) {
  static std::map<std::pair<Service, std::string>, std::vector<Identity>> made;
  std::vector<Identity>& of_service = made[{service, host}];
  while (of_service.size() <= number) {
    // Services of one cluster do not share a key, nor does a certificate with its successor.
    const crypto::PrivateKey& key = service == Service::tftp_ec
                                        ? ec_key()
                                        : rsa_key(of_service.size() + static_cast<std::size_t>(service));
    crypto::SelfSignedRequest request{.not_before = kStart - 3600, .days = 1826};
    request.subject.append("CN", common_name(service, cluster, host));
    of_service.push_back({crypto::make_self_signed(key, request).value(), key});
  }
  return of_service[number];
}

std::string host_name(const std::string& cluster, std::size_t number) {
  return cluster + std::to_string(number) + ".example.com";
}

Host named_host(const std::string& cluster, std::size_t number) {
  return {host_name(cluster, number), {"192.0.2." + std::to_string(number)}};
}

Cluster first_cluster(const std::string& name, std::size_t hosts) {
  std::vector<Host> named;
  for (std::size_t i = 1; i <= hosts; ++i) named.push_back(named_host(name, i));
  const std::string first = named.front().name;
  std::vector<KnownCertificate> known;
  auto own = [&](Service service, const std::string& host) {
    Identity made = identity(name, service, host, 0);
    known.push_back(
        {.certificate = made.certificate, .roles = own_roles(service, Mode::nonsecure), .own = service});
    return made;
  };
  std::vector<Identity> tvs;
  for (const Host& host : named) tvs.push_back(own(Service::tvs, host.name));
  Cluster cluster{.name = name,
                  .id = "",
                  .hosts = named,
                  .tvs = std::move(tvs),
                  .tftp = own(Service::tftp, first),
                  .tftp_ec = own(Service::tftp_ec, first),
                  .capf = own(Service::capf, first),
                  .recovery = own(Service::recovery, first),
                  .known = {},
                  .phones = {}};
  cluster.known = std::move(known);
  return cluster;
}

}  // namespace anchord::trust::world
