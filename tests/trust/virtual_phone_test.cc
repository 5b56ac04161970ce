#include "anchord/trust/virtual_phone.h"
#include "anchord/phone/file_kind.h"

#include <algorithm>
#include <set>

#include "anchord/trust/encrypted_file.h"
#include "anchord/trust/signed_file.h"
#include "anchord/trust/trust_list.h"
#include "anchord/wire/tvs.h"
#include "phone_world.h"
#include "vectors.h"

namespace anchord::trust {
namespace {

using wire::Role;
using Ask = VirtualPhone::Ask;
using Done = VirtualPhone::Done;
using Fetch = VirtualPhone::Fetch;
using Want = VirtualPhone::Want;

using Names = std::vector<std::string>;

class Phone : public PhoneTest {};

// --- What is asked for

TEST_F(Phone, AsksInOrder) {
  VirtualPhone phone({.name = "SEP001122334455"});
  World world = world_of(first_);
  EXPECT_EQ(world.boot(phone).end, BootEnd::fine);
  EXPECT_EQ(world.asked, (Names{"CTLSEP001122334455.tlv", "CTLFile.tlv", "ITLSEP001122334455.tlv",
                                "ITLFile.tlv", "SEP001122334455.cnf.xml.sgn", "XMLDefault.cnf.xml.sgn"}));
  EXPECT_EQ(as_text(phone.memory().configuration), "<device></device>\n");
  EXPECT_EQ(phone.questions(), 0U);
}

TEST_F(Phone, AsksForItsOwnListsAndEncryptedFileFirst) {
  Cluster cluster = with_mode(first_, Mode::mixed);
  Identity device = vector_identity("phone");
  VirtualPhone phone({.name = "SEP001122334455", .key = device.key});
  World world = world_of(cluster);
  world.served.files["ITLSEP001122334455.tlv"] = world.served.files[phone::kItlFileName];
  world.served.files["CTLSEP001122334455.tlv"] = world.served.files[phone::kCtlFileName];
  std::string name = "SEP001122334455.cnf.xml.enc.sgn";
  EncryptedFile file = encrypt_file(name, as_bytes("<device>secret</device>"), device.certificate,
                                    ContentKey::random(), cluster.tftp, cluster.signing, kStart)
                           .value();
  Buffer whole = file.header;
  whole.insert(whole.end(), file.content.begin(), file.content.end());
  world.served.files[name] = whole;
  EXPECT_EQ(world.boot(phone).end, BootEnd::fine);
  EXPECT_EQ(world.asked, (Names{"CTLSEP001122334455.tlv", "ITLSEP001122334455.tlv", name}));
  EXPECT_EQ(as_text(phone.memory().configuration), "<device>secret</device>");

  // Of another phone it can make nothing.
  VirtualPhone other({.name = "SEP001122334455", .key = vector_identity("tvs").key});
  EXPECT_EQ(world.boot(other).end, BootEnd::degraded);
  // When encryption is off it falls back.
  world.served.files.erase(name);
  EXPECT_EQ(world.boot(other).end, BootEnd::fine);
  EXPECT_EQ(world.asked.back(), "XMLDefault.cnf.xml.sgn");
}

TEST_F(Phone, WithoutSecurityByDefaultAsksForPlainFilesAndChecksNothing) {
  VirtualPhone phone({.security_by_default = false});
  World world = world_of(first_);
  EXPECT_EQ(world.boot(phone).end, BootEnd::fine);
  EXPECT_EQ(world.asked, (Names{"SEP000000000000.cnf.xml", "XMLDefault.cnf.xml"}));
  EXPECT_TRUE(phone.memory().itl.empty());
}

TEST_F(Phone, AsksAgainForListsThatNobodyAnswersFor) {
  world_.unreachable = {"CTLSEP000000000000.tlv", "ITLSEP000000000000.tlv"};
  world_.served = served(first_);
  Done end = world_.boot(phone_);
  EXPECT_EQ(end.end, BootEnd::degraded);
  EXPECT_NE(end.reason.find("CTLSEP000000000000.tlv"), std::string::npos) << end.reason;
  EXPECT_EQ(std::ranges::count(world_.asked, "CTLSEP000000000000.tlv"), 5);
  EXPECT_EQ(std::ranges::count(world_.asked, "ITLSEP000000000000.tlv"), 5);
  world_.unreachable = {"SEP000000000000.cnf.xml.sgn"};
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::degraded);
  EXPECT_EQ(std::ranges::count(world_.asked, "SEP000000000000.cnf.xml.sgn"), 1);
}

// --- Rule 1: the first of each

TEST_F(Phone, TrustsTheFirstListsThatItGets) {
  World world = world_of(with_mode(first_, Mode::mixed));
  VirtualPhone phone({});
  EXPECT_EQ(world.boot(phone).end, BootEnd::fine);
  EXPECT_EQ(phone.memory().ctl, world.served.files[phone::kCtlFileName]);
  EXPECT_EQ(phone.memory().itl, world.served.files[phone::kItlFileName]);
}

TEST_F(Phone, TakesNoFirstListThatIsNotWhole) {
  for (std::size_t at : {std::size_t{0}, std::size_t{700}, std::size_t{3000}}) {
    World world = world_of(first_);
    Buffer& list = world.served.files[phone::kItlFileName];
    ASSERT_GT(list.size(), at);
    list[at] ^= 1;
    VirtualPhone phone({});
    const Done end = world.boot(phone);
    EXPECT_EQ(end.end, BootEnd::degraded);
    EXPECT_NE(end.damage, "");
    EXPECT_TRUE(phone.memory().itl.empty());
  }
}

TEST_F(Phone, ADamagedListIsNotOneThatItHolds) {
  World world = world_of(first_);
  VirtualPhone phone({}, {.ctl = {9}, .itl = {1, 2}, .configuration = {}});
  EXPECT_EQ(world.boot(phone).end, BootEnd::fine);
  EXPECT_EQ(phone.memory().itl, world.served.files[phone::kItlFileName]);
}

// --- Rule 2: the CTL

TEST_F(Phone, AFirstItlIsForTheCtlToJudge) {
  World world = world_of(with_mode(first_, Mode::mixed));
  Cluster other = new_cluster("b", 1);
  VirtualPhone phone({}, {.ctl = served(with_mode(other, Mode::mixed)).files[phone::kCtlFileName],
                          .itl = {},
                          .configuration = {}});
  Done end = world.boot(phone);
  EXPECT_EQ(end.end, BootEnd::locked);
  EXPECT_FALSE(end.tvs_trust);
  EXPECT_TRUE(phone.memory().itl.empty());
  EXPECT_EQ(phone.questions(), 0U);  // it has no list that says whom to ask
}

TEST_F(Phone, ACtlSignerMaySignTheItl) {
  Cluster mixed = with_mode(first_, Mode::mixed);
  VirtualPhone phone = phone_at(mixed);
  Cluster stranger = new_cluster("b", 1);
  // The ITL of another cluster in its memory: the CTL alone knows the signer.
  VirtualPhone odd(
      {},
      {.ctl = phone.memory().ctl, .itl = served(stranger).files[phone::kItlFileName], .configuration = {}});
  World world = world_of(mixed);
  EXPECT_EQ(world.boot(odd).end, BootEnd::fine);
  EXPECT_EQ(odd.questions(), 0U);
}

TEST_F(Phone, AnItlSignerMayNotSignACtlThatFollowsAnother) {
  Cluster mixed = with_mode(first_, Mode::mixed);
  Cluster stranger = with_mode(new_cluster("b", 1), Mode::mixed);
  VirtualPhone odd({}, {.ctl = served(stranger).files[phone::kCtlFileName],
                        .itl = served(mixed).files[phone::kItlFileName],
                        .configuration = {}});
  World world = world_of(mixed);
  // The ITL's verification services vouch for it all the same.
  EXPECT_EQ(world.boot(odd).end, BootEnd::fine);
  EXPECT_EQ(odd.questions(), 1U);
  EXPECT_EQ(odd.memory().ctl, world.served.files[phone::kCtlFileName]);
}

TEST_F(Phone, AFirstCtlIsForTheItlToJudge) {
  World world = world_of(with_mode(first_, Mode::mixed));
  VirtualPhone phone = forgetful(phone_);
  EXPECT_EQ(world.boot(phone).end, BootEnd::fine);
  EXPECT_FALSE(phone.memory().ctl.empty());
  VirtualPhone stranger = forgetful(phone_at(new_cluster("b", 1)));
  EXPECT_EQ(world.boot(stranger).end, BootEnd::locked);
  EXPECT_TRUE(stranger.memory().ctl.empty());
}

TEST_F(Phone, KeepsItsCtlWhereThereIsNone) {
  VirtualPhone phone = phone_at(with_mode(first_, Mode::mixed));
  World world = world_of(first_);
  EXPECT_EQ(world.boot(phone).end, BootEnd::fine);
  EXPECT_FALSE(phone.memory().ctl.empty());
}

TEST_F(Phone, TakesNoListForOneOfTheOtherKind) {
  World world = world_of(with_mode(first_, Mode::mixed));
  std::swap(world.served.files[phone::kCtlFileName], world.served.files[phone::kItlFileName]);
  VirtualPhone phone({});
  EXPECT_EQ(world.boot(phone).end, BootEnd::degraded);
  EXPECT_TRUE(phone.memory().ctl.empty());
  EXPECT_TRUE(phone.memory().itl.empty());
}

// --- Rule 3: later lists

TEST_F(Phone, AsksNobodyAboutASignerThatItKnows) {
  world_.served = served(regenerated(first_, Service::recovery));
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::fine);
  EXPECT_EQ(phone_.memory().itl, world_.served.files[phone::kItlFileName]);
  EXPECT_EQ(phone_.questions(), 0U);
}

TEST_F(Phone, TakesAnOlderListThatIsSignedRightly) {
  world_.served = served(regenerated(first_, Service::capf), kStart - 86400);
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::fine);
  EXPECT_EQ(phone_.memory().itl, world_.served.files[phone::kItlFileName]);
}

TEST_F(Phone, AsksAboutANewSignerOnce) {
  const Done end = world_.boot(phone_);
  EXPECT_EQ(end.end, BootEnd::fine);
  EXPECT_EQ(end.damage, "");
  EXPECT_EQ(phone_.memory().itl, world_.served.files[phone::kItlFileName]);
  EXPECT_EQ(phone_.questions(), 1U);
}

TEST_F(Phone, DoesNotTakeAListThatIsNotTheVouchedSigners) {
  // Named after the right signer, signed by another key.
  TrustListFields fields = itl_fields(second_);
  Buffer good = build_trust_list(fields, kStart).value();
  wire::TrustList list = wire::parse_trust_list(good).value();
  auto unsigned_file = wire::build_trust_list(list.header, list.records).value();
  std::array<Bytes, 1> parts{unsigned_file.bytes};
  crypto::PrivateKey wrong = crypto::PrivateKey::generate(crypto::KeyKind::rsa2048).value();
  Buffer signature = wrong.sign(crypto::Digest::sha512, parts).value();
  world_.served.files[phone::kItlFileName] = wire::insert_signature(unsigned_file, signature);
  Buffer before = phone_.memory().itl;
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::degraded);
  EXPECT_EQ(phone_.memory().itl, before);
}

TEST_F(Phone, TriesTheNextServiceWhenOneIsSilentOrNotTrusted) {
  world_.silent = {0};
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::fine);
  EXPECT_EQ(std::ranges::count(world_.asked, "tvs 1"), 1);
  VirtualPhone other = phone_at(first_);
  world_.silent.clear();
  world_.served.tvs[0] = new_identity("TVS-a1.example.com").certificate;
  EXPECT_EQ(world_.boot(other).end, BootEnd::fine);
}

TEST_F(Phone, IsLockedWhenNobodyItTrustsIsThere) {
  for (auto& presented : world_.served.tvs) presented = new_identity("TVS-a1.example.com").certificate;
  Buffer before = phone_.memory().itl;
  Done end = world_.boot(phone_);
  EXPECT_EQ(end.end, BootEnd::locked);
  EXPECT_FALSE(end.tvs_trust);
  EXPECT_NE(end.reason.find("ITLFile.tlv"), std::string::npos) << end.reason;
  EXPECT_EQ(phone_.memory().itl, before);
}

TEST_F(Phone, IsLockedWhenTheServiceDoesNotKnowTheSigner) {
  world_.served.answered.clear();
  Done end = world_.boot(phone_);
  EXPECT_EQ(end.end, BootEnd::locked);
  EXPECT_TRUE(end.tvs_trust);
  // Once for the list, once for the configuration: a trusted no is final.
  EXPECT_EQ(std::ranges::count(world_.asked, "tvs 0"), 2);
  EXPECT_EQ(std::ranges::count(world_.asked, "tvs 1"), 0);
}

TEST_F(Phone, IsLockedWhenTheServiceKnowsTheSignerForSomethingElse) {
  for (auto& known : world_.served.answered) known.roles = {Role::capf, Role::tvs};
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::locked);
}

TEST_F(Phone, IsDegradedWhileAServiceCouldStillAnswer) {
  world_.silent = {0, 1};
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::degraded);
  // One that it does not trust, and one that may be trusted.
  world_.silent = {1};
  world_.served.tvs[0] = new_identity("TVS-a1.example.com").certificate;
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::degraded);
  world_.silent.clear();
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::fine);
}

TEST_F(Phone, TakesNoAnswerThatMakesNoSense) {
  const crypto::Certificate& signer = second_.tftp.certificate;
  Buffer sast{0};
  auto response = [&](std::uint32_t session, Bytes certificate, bool verify = false) {
    Buffer room(8192);
    Writer out(room);
    if (verify) {
      wire::write_verify_response(out, session, true, sast, 60);
    } else {
      wire::write_query_response(out, session, certificate, sast, 60);
    }
    room.resize(out.size());
    return room;
  };
  Buffer cut = response(1, signer.der());
  cut.pop_back();
  std::vector<Buffer> senseless{{},
                                Buffer(100, 0),
                                cut,
                                response(7, signer.der()),                       // to another question
                                response(1, first_.recovery.certificate.der()),  // not the one asked for
                                response(1, Bytes(signer.der()).first(200)),
                                response(1, {}, true)};
  Buffer before = phone_.memory().itl;
  for (const Buffer& said : senseless) {
    VirtualPhone phone = forgetful(phone_);
    world_.saying = {{0, said}, {1, Buffer{}}};
    EXPECT_EQ(world_.boot(phone).end, BootEnd::degraded);
    EXPECT_EQ(phone.memory().itl, before);
    EXPECT_EQ(std::ranges::count(world_.asked, "tvs 1"), 2);
  }
}

TEST_F(Phone, ToldOfOneServiceAsksNoOther) {
  VirtualPhone phone({.tvs_servers = 1}, phone_.memory());
  world_.served.tvs[0] = new_identity("TVS-a1.example.com").certificate;
  EXPECT_EQ(world_.boot(phone).end, BootEnd::locked);
}

// --- What is kept of answers

TEST_F(Phone, KeepsAnAnswerForItsTtlAndNoLonger) {
  // The list is out of reach, so each boot has the same question about the configuration.
  world_.served.files.erase(phone::kItlFileName);
  for (auto& known : world_.served.answered) known.ttl = 1000;
  world_.boot(phone_, kStart);
  EXPECT_EQ(phone_.questions(), 1U);
  world_.boot(phone_, kStart + 999);
  EXPECT_EQ(phone_.questions(), 0U);
  EXPECT_FALSE(phone_.memory().configuration.empty());
  world_.boot(phone_, kStart + 1000);
  EXPECT_EQ(phone_.questions(), 1U);
}

TEST_F(Phone, AKeptAnswerHelpsWhenNobodyIsThere) {
  Buffer list = world_.served.files[phone::kItlFileName];
  world_.served.files.erase(phone::kItlFileName);
  world_.boot(phone_, kStart);
  world_.served.files[phone::kItlFileName] = list;
  world_.silent = {0, 1};
  EXPECT_EQ(world_.boot(phone_, kStart + 10).end, BootEnd::fine);
  EXPECT_EQ(phone_.questions(), 0U);
}

TEST_F(Phone, KeepsNoRefusal) {
  world_.served.answered.clear();
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::locked);
  world_.served = served(second_);
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::fine);
}

// --- Rule 4: configurations

class Configuration : public Phone {
 protected:
  Done boot_with(std::string_view content, const Identity& signer,
                 const std::string& name = "SEP000000000000.cnf.xml.sgn") {
    world_.served = served(first_);
    world_.served.files["SEP000000000000.cnf.xml.sgn"] =
        sign_file(name, as_bytes(content), signer, {}, kStart).value();
    world_.served.answered = answered_;
    return world_.boot(phone_);
  }
  std::vector<KnownCertificate> answered_ = answered_by(first_);
};

TEST_F(Configuration, OfAListedSignerIsTaken) {
  EXPECT_EQ(boot_with("<device/>", first_.tftp).end, BootEnd::fine);
  EXPECT_EQ(as_text(phone_.memory().configuration), "<device/>");
  EXPECT_EQ(phone_.questions(), 0U);
}

TEST_F(Configuration, OfASignerOfListsIsNot) {
  // Recovery may sign lists only, and so say list and service.
  EXPECT_EQ(boot_with("<device/>", first_.recovery).end, BootEnd::locked);
  EXPECT_EQ(phone_.questions(), 1U);
}

TEST_F(Configuration, OfAVouchedSignerIsTaken) {
  Identity other = new_identity("other");
  EXPECT_EQ(boot_with("<device/>", other).end, BootEnd::locked);
  for (Role role : {Role::tftp, Role::ccm_tftp}) {
    phone_ = forgetful(phone_);
    answered_ = {{.certificate = other.certificate, .roles = {role}, .own = {}}};
    EXPECT_EQ(boot_with("<device/>", other).end, BootEnd::fine);
  }
}

TEST_F(Configuration, ThatIsBrokenIsDropped) {
  boot_with("<device>good</device>", first_.tftp);
  EXPECT_EQ(boot_with("<device>", first_.tftp).end, BootEnd::degraded);
  EXPECT_EQ(as_text(phone_.memory().configuration), "<device>good</device>");
}

TEST_F(Configuration, OfAnotherPhoneIsDropped) {
  EXPECT_EQ(boot_with("<device/>", first_.tftp, "SEP000000000001.cnf.xml.sgn").end, BootEnd::degraded);
  EXPECT_EQ(boot_with("<device/>", first_.tftp, "sep000000000000.CNF.xml.sgn").end, BootEnd::fine);
}

TEST_F(Configuration, ThatWasChangedIsDropped) {
  boot_with("<device>good</device>", first_.tftp);
  world_.served.files["SEP000000000000.cnf.xml.sgn"].back() ^= 1;
  const Done end = world_.boot(phone_);
  EXPECT_EQ(end.end, BootEnd::degraded);
  EXPECT_NE(end.damage, "");
}

TEST_F(Configuration, ThatIsNowhereLeavesTheOldOne) {
  world_.served = served(first_);
  world_.served.files.erase("XMLDefault.cnf.xml.sgn");
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::degraded);
  EXPECT_FALSE(phone_.memory().configuration.empty());
}

// --- Rule 5

TEST_F(Phone, TrustsTheServicesOfItsItlOnly) {
  EXPECT_TRUE(phone_.trusts_tvs(first_.tvs[0].certificate.der()));
  EXPECT_TRUE(phone_.trusts_tvs(first_.tvs[1].certificate.der()));
  EXPECT_FALSE(phone_.trusts_tvs(first_.tftp.certificate.der()));  // listed for something else
  EXPECT_FALSE(phone_.trusts_tvs(new_identity("TVS-a1.example.com").certificate.der()));
  EXPECT_FALSE(phone_.trusts_tvs({}));
  EXPECT_FALSE(VirtualPhone({}).trusts_tvs(first_.tvs[0].certificate.der()));
}

// --- HTTPS

TEST_F(Phone, TrustsHttpsServersOfItsLists) {
  EXPECT_TRUE(phone_.trusts_https(first_.tftp_ec.certificate.der(), kStart));
  EXPECT_TRUE(phone_.trusts_https(first_.tftp.certificate.der(), kStart));
  EXPECT_FALSE(phone_.trusts_https(first_.capf.certificate.der(), kStart));
  EXPECT_FALSE(phone_.trusts_https({}, kStart));
}

TEST_F(Phone, AsksAboutOtherHttpsServers) {
  Identity server = new_identity("web.example.com");
  Served found = served(first_);
  auto ask = [&](UnixSeconds now) {
    Ask question = phone_.ask_https(server.certificate.der(), 0);
    return phone_.got_https_answer(server.certificate.der(), answer_of(found, question.message), now);
  };
  EXPECT_FALSE(ask(kStart));
  found.answered.push_back({.certificate = server.certificate, .roles = {Role::capf}, .ttl = 100, .own = {}});
  EXPECT_FALSE(ask(kStart));
  EXPECT_FALSE(phone_.trusts_https(server.certificate.der(), kStart));
  found.answered.back().roles = {Role::app_server};
  EXPECT_TRUE(ask(kStart));
  EXPECT_TRUE(phone_.trusts_https(server.certificate.der(), kStart + 99));
  EXPECT_FALSE(phone_.trusts_https(server.certificate.der(), kStart + 100));
  EXPECT_FALSE(phone_.got_https_answer(server.certificate.der(), {}, kStart));
}

// --- Rule 6: the empty ITL

// The connection vouches for its own configuration, and for nothing else.
TEST_F(Phone, TakesItsOwnConfigurationUnsignedFromATrustedServerOnly) {
  using From = VirtualPhone::From;
  const std::string plain = "<device>own</device>";
  VirtualPhone phone = phone_at(first_);
  auto until = [&](std::string_view name) {
    Want want = phone.boot(kStart);
    while (std::get<Fetch>(want).name != name) want = phone.not_found(kStart);
  };
  const std::string own = phone.settings().name + ".cnf.xml.sgn";
  const Buffer before = phone.memory().configuration;
  auto given = [&](std::string_view name, Bytes content, From from) {
    until(name);
    return std::get<Done>(phone.got_file(content, kStart, from));
  };
  EXPECT_EQ(given(own, as_bytes(plain), From::anybody).end, BootEnd::degraded);
  EXPECT_EQ(given("XMLDefault.cnf.xml.sgn", as_bytes(plain), From::trusted_server).end, BootEnd::degraded);
  EXPECT_EQ(given(own, as_bytes("<device>"), From::trusted_server).end, BootEnd::degraded);
  EXPECT_EQ(given(own, {}, From::trusted_server).end, BootEnd::degraded);
  // What has a signature is judged by it.
  Buffer changed = sign_file(own, as_bytes(plain), first_.tftp, first_.signing, kStart).value();
  changed.back() ^= 1;
  EXPECT_EQ(given(own, changed, From::trusted_server).end, BootEnd::degraded);
  EXPECT_EQ(phone.memory().configuration, before);

  EXPECT_TRUE(given(own, as_bytes(plain), From::trusted_server).damage.empty());
  EXPECT_EQ(as_text(phone.memory().configuration), plain);
}

TEST_F(Phone, WithAnEmptyItlTakesAnyItlAndPlainFiles) {
  world_.served = served(with_rollback(first_, true));
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::fine);
  EXPECT_EQ(world_.asked.back(), "XMLDefault.cnf.xml");
  EXPECT_FALSE(phone_.trusts_tvs(first_.tvs[0].certificate.der()));
  EXPECT_FALSE(phone_.trusts_https(first_.tftp_ec.certificate.der(), kStart));
  world_.served = served(new_cluster("b", 1));
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::fine);
  EXPECT_EQ(phone_.memory().itl, world_.served.files[phone::kItlFileName]);
}

TEST_F(Phone, AnEmptyItlMustBeTrustedItself) {
  world_.served = served(with_rollback(new_cluster("b", 1), true));
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::locked);
}

// A list that never had records of those whom a rollback blanks is not the empty one.
TEST_F(Phone, AListOfSignersAndOthersAloneIsNotEmpty) {
  TrustListFields fields = itl_fields(first_);
  std::erase_if(fields.records, [](const ListedCertificate& listed) {
    return listed.role != wire::Role::sast && listed.role != wire::Role::capf;
  });
  VirtualPhone phone({}, {.itl = build_trust_list(fields, kStart).value()});
  World stranger = world_of(new_cluster("b", 1));
  EXPECT_EQ(stranger.boot(phone).end, BootEnd::locked);
  World own = world_of(first_, kStart + 1);
  EXPECT_EQ(own.boot(phone).end, BootEnd::fine);
}

TEST_F(Phone, WithAnEmptyItlAndACtlIsNotFree) {
  Cluster mixed = with_mode(first_, Mode::mixed);
  VirtualPhone phone = phone_at(mixed);
  World world = world_of(with_rollback(mixed, true));
  // The CTL still says who signs files.
  EXPECT_EQ(world.boot(phone).end, BootEnd::degraded);
  world.served = served(new_cluster("b", 1));
  EXPECT_EQ(world.boot(phone).end, BootEnd::locked);
}

// --- Nobody can make a boot endless, or make it fall over

TEST_F(Phone, EndsInABoundedNumberOfWants) {
  VirtualPhone phone({.tvs_servers = 1000}, phone_at(with_mode(first_, Mode::mixed)).memory());
  Served found = served(with_mode(second_, Mode::mixed));
  std::size_t wants = 0;
  Want want = phone.boot(kStart);
  std::map<std::string, int> tries;
  for (; !done(want); ++wants) {
    if (const auto* fetch = std::get_if<Fetch>(&want)) {
      // The longest way: late, and then what needs a question.
      auto file = found.files.find(fetch->name);
      want = ++tries[fetch->name] <= 4 && fetch->name.ends_with(".tlv") ? phone.no_file(kStart)
             : file == found.files.end()                                ? phone.not_found(kStart)
                                         : phone.got_file(file->second, kStart);
    } else {
      want = phone.no_answer(false, kStart);
    }
  }
  EXPECT_EQ(wants, 4 * 5 + 2 + 3 * kMaxTvsServers);
  EXPECT_LE(wants, kMaxWants);
}

TEST_F(Phone, ASignerWithoutEndIsNotAskedAbout) {
  std::string name(60000, 'x');
  Buffer serial(2000, 1);
  for (bool long_name : {false, true}) {
    wire::HeaderFields fields{.signer_version = wire::Version{1, 1},
                              .signer_name = "CN=x",
                              .issuer_name = long_name ? std::string_view(name) : "CN=x",
                              .serial = long_name ? Bytes(serial).first(1) : Bytes(serial),
                              .modulus_code = wire::modulus_code(256).value(),
                              .file_name = phone::kItlFileName};
    auto file = wire::build_trust_list(fields, {});
    ASSERT_TRUE(file) << file.error().text;
    world_.served.files[phone::kItlFileName] = wire::insert_signature(*file, Buffer(256));
    world_.served.files["XMLDefault.cnf.xml.sgn"] = served(first_).files["XMLDefault.cnf.xml.sgn"];
    EXPECT_EQ(world_.boot(phone_).end, BootEnd::degraded);
    EXPECT_EQ(phone_.questions(), 0U);
  }
}

TEST_F(Phone, AReasonIsOneLine) {
  wire::HeaderFields fields{.signer_version = wire::Version{1, 1},
                            .signer_name = "CN=\n\x1b[31mx",
                            .issuer_name = "CN=x",
                            .serial = {},
                            .modulus_code = wire::modulus_code(256).value(),
                            .file_name = phone::kItlFileName};
  Buffer serial{1};
  fields.serial = serial;
  auto file = wire::build_trust_list(fields, {});
  ASSERT_TRUE(file);
  world_.served.files[phone::kItlFileName] = wire::insert_signature(*file, Buffer(256));
  Done end = world_.boot(phone_);
  EXPECT_EQ(end.end, BootEnd::locked);
  for (char c : end.reason) EXPECT_TRUE(c >= ' ' && c <= '~') << end.reason;
}

TEST_F(Phone, ANewBootForgetsTheOldOne) {
  Want want = phone_.boot(kStart);
  while (!std::holds_alternative<Ask>(want)) want = world_.answer(phone_, want, kStart);
  EXPECT_EQ(world_.boot(phone_).end, BootEnd::fine);
}

TEST(BootEnd, HasNames) {
  EXPECT_EQ(boot_end_name(BootEnd::fine), "fine");
  EXPECT_EQ(boot_end_name(BootEnd::degraded), "degraded");
  EXPECT_EQ(boot_end_name(BootEnd::locked), "locked");
}

}  // namespace
}  // namespace anchord::trust
