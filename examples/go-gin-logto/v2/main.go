// The same shop with Logto's Go SDK, version 2.
package main

import (
	"sekisho.example/go-gin-logto/shop"

	"github.com/logto-io/go/v2/client"
)

func main() {
	shop.Run(shop.SDK{Open: open, AccessTokensKey: client.StorageKeyAccessTokenMap})
}

type gate struct{ *client.LogtoClient }

// A client for each request, and a config for each client: the SDK writes its own scopes into it.
func open(s shop.Settings, storage *shop.Storage) shop.Gate {
	return gate{client.NewLogtoClient(&client.LogtoConfig{
		Endpoint:  s.Endpoint,
		AppId:     s.AppID,
		AppSecret: s.AppSecret,
		Scopes:    shop.Scopes,
		Resources: s.Resources(),
	}, storage)}
}

// SignIn takes options since version 2; the redirect URI is the only one that this shop needs.
func (g gate) SignIn(redirectURI string) (string, error) {
	return g.LogtoClient.SignIn(&client.SignInOptions{RedirectUri: redirectURI})
}

func (g gate) Claims() (shop.Claims, error) {
	claims, err := g.GetIdTokenClaims()
	return shop.Claims{Subject: claims.Sub, Email: claims.Email}, err
}

func (g gate) UserInfo() (any, error) { return g.FetchUserInfo() }

func (g gate) ResourceToken(resource string) (string, error) {
	token, err := g.GetAccessToken(resource)
	return token.Token, err
}

func (g gate) OrganizationToken(id string) (string, error) {
	token, err := g.GetOrganizationToken(id)
	return token.Token, err
}
